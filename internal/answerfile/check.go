package answerfile

import "github.com/wintemplate/packer-plugin-wintemplate/internal/windows"

func checkDocument(root *node, product windows.Product, architecture string) []error { return nil }
