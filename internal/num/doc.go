// Package num is PostgreSQL's numeric: exact decimals of up to 131072 digits
// before and 16383 after the point, with NaN and infinities.
//
// A Decimal is an integer coefficient and a display scale: value =
// coefficient / 10^scale. The coefficient is a 128-bit integer as long as it
// fits and a big.Int beyond. Results, display scales and errors follow
// PostgreSQL 15 (src/backend/utils/adt/numeric.c is the specification).
package num
