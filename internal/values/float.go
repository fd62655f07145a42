package values

// avoidMidpoint exists because PostgreSQL's shortest form never uses a decimal
// that lies exactly between two doubles, even where reading it back would round
// to the right one.
func avoidMidpoint(b []byte, f float64) []byte { return b }
