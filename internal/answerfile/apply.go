package answerfile

// applyCommands is the windowsPE pass of MethodApply.
func applyCommands() *node { return nil }
