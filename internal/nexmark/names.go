package nexmark

var firstNames = [...]string{
	"Ada", "Bo", "Carmen", "Dmitri", "Elif", "Femi", "Grace", "Hugo", "Ines", "Jun", "Kofi", "Lena", "Marco", "Nadia",
	"Omar", "Priya", "Quentin", "Rosa", "Sven", "Tara", "Umar", "Vera", "Walter", "Xenia", "Yusuf", "Zoe",
}

var lastNames = [...]string{
	"Abrams", "Bauer", "Costa", "Diaz", "Eriksen", "Fofana", "Garcia", "Haas", "Ito", "Jones", "Kowalski", "Lopez",
	"Meyer", "Novak", "Okafor", "Patel", "Quist", "Rossi", "Smith", "Tanaka", "Unger", "Vogel", "White", "Young",
}

// cities are in the states that q3 asks for (OR, ID, CA) and in others.
var cities = [...]struct{ name, state string }{
	{"Phoenix", "AZ"}, {"Tucson", "AZ"}, {"Los Angeles", "CA"}, {"San Francisco", "CA"}, {"Boise", "ID"},
	{"Portland", "OR"}, {"Bend", "OR"}, {"Seattle", "WA"}, {"Redmond", "WA"}, {"Kent", "WA"}, {"Cheyenne", "WY"},
}
