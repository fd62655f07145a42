package main

// commands are the words that may stand first on the command line, in the order
// of the help.
func commands() []*command {
	return []*command{
		&capacityCommand,
		&check,
		&hashPassword,
		&health,
		&rewrapKey,
		&savepoints,
		&setupToken,
		&supportBundle,
	}
}
