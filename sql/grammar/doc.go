// Package grammar reads query bodies and scalar expressions. It is the only
// package that imports github.com/pingcap/tidb/pkg/parser.
//
// That parser has a MySQL grammar, so no byte of the client's text reaches it.
// A piece of text goes through three stages:
//
//  1. Desugaring (expr.go, primary.go, call.go, query.go, from.go): tokens are
//     walked by the rules of PostgreSQL's grammar and rewritten into a text made
//     of structural keywords, arithmetic, comparison and logical operators,
//     parentheses, commas, and names of the form k17. Every name, literal, type
//     and other operator is such a k17: 17 is the index of an entry in a side
//     table, which holds a node of our own tree and the places in it that wait
//     for an operand. What MySQL's grammar lacks becomes a call: x::int is
//     k17(x). Syntax errors are found here, at PostgreSQL's token. Since clients
//     contribute no characters, none can forge an entry.
//  2. The grammar parses that text and decides its structure.
//  3. Conversion (convert.go): its tree is folded into package ast's by filling
//     the entries' places. An unexpected shape is an internal error, never a
//     silent misreading.
//
// Precedence is PostgreSQL's (gram.y): where the MySQL grammar would group
// otherwise, stage 1 adds parentheses, which leave no trace in the tree.
package grammar
