package nexmark

// goldenEvents are some events of seed 42.
var goldenEvents = map[uint64]string{
	0:         `{"id":1000,"name":"Umar Jones","email_address":"kfuzfdx@nueca.com","credit_card":"0178 9052 5212 1754","city":"Cheyenne","state":"WY","date_time":"2026-01-01 00:00:00.000","extra":"hukvtdlmitjcximalecqxbcwbbkxldybrabbckfcufru"}`,
	1:         `{"id":1000,"item_name":"qkbfpsacsbwxb","description":"nvqidaiqqpbfbmkanyayfhcbpzzytuztkfkfdzgreetxpgddtaesalhxnalomggfjknjdmgqubzl","initial_bid":2032,"reserve":14412540,"date_time":"2026-01-01 00:00:00.000","expires":"2026-01-01 00:00:00.256","seller":1000,"category":12,"extra":"fjcjyoxjmsleiqbfihirjbrjwsqtscwicqegufuwdvb"}`,
	4:         `{"auction":1011,"bidder":1001,"price":1477418,"channel":"Google","url":"https://www.nexmark.com/ialys/fdlym/pzeym/item.htm?query=1","date_time":"2026-01-01 00:00:00.000","extra":"cybqymnwcrmbuoswokentdvdydsyxqidzxz"}`,
	5:         `{"auction":1000,"bidder":1008,"price":4490908,"channel":"Facebook","url":"https://www.nexmark.com/kuvhk/dimqz/cafeb/item.htm?query=1","date_time":"2026-01-01 00:00:00.000","extra":"ajveffjribackqjmltgbjtmfaowfkdruhbeg"}`,
	1000000:   `{"id":21000,"name":"Femi Meyer","email_address":"egrcsum@ljcap.com","credit_card":"3225 4180 9960 3437","city":"Portland","state":"OR","date_time":"2026-01-01 00:01:40.000","extra":"wylvcqafwvumcgmdrtdfnvrgddbcdduklikbboeneypxpjfkj"}`,
	123456789: `{"auction":7408400,"bidder":2469150,"price":412,"channel":"Facebook","url":"https://www.nexmark.com/kuvhk/dimqz/cafeb/item.htm?query=1","date_time":"2026-01-01 03:25:45.678","extra":"mydxpckfqpknyzdvdxxuxfozrdskbkbafirqxzzrtm"}`,
}
