package ast

func named(names []string, i uint8) string {
	if int(i) < len(names) {
		return names[i]
	}
	return "?"
}

// String names the kind.
func (k LiteralKind) String() string {
	return named([]string{"Null", "True", "False", "String", "Integer", "Decimal"}, uint8(k))
}

// String names the predicate.
func (k IsKind) String() string {
	return named([]string{"Null", "True", "False", "Unknown"}, uint8(k))
}

// String names the pattern language.
func (k LikeKind) String() string {
	return named([]string{"Like", "ILike", "SimilarTo"}, uint8(k))
}

// String names the use.
func (k SubqueryKind) String() string {
	return named([]string{"Scalar", "Exists", "Array", "Any", "All"}, uint8(k))
}

// String names the operation.
func (k SetOpKind) String() string {
	return named([]string{"Union", "Intersect", "Except"}, uint8(k))
}

// String names the kind of join.
func (k JoinKind) String() string {
	return named([]string{"Inner", "Left", "Right", "Full", "Cross"}, uint8(k))
}

// String is the kind in the words of its DDL.
func (k ObjectKind) String() string {
	return named([]string{"table", "source", "view", "materialized view", "sink", "index", "schema", "column"}, uint8(k))
}

// String names what is shown.
func (k ShowKind) String() string {
	return named([]string{"Parameter", "All", "Sources", "Tables", "Views", "MaterializedViews", "Sinks", "Jobs", "EncryptionKeys", "StateSavepoints", "Create", "Describe"}, uint8(k))
}

// String names the statement.
func (k TxKind) String() string {
	return named([]string{"Begin", "Commit", "Rollback", "Savepoint", "ReleaseSavepoint", "RollbackTo"}, uint8(k))
}
