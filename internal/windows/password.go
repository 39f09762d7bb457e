package windows

import (
	"errors"
	"io"
)

// PasswordLength is the length of the passwords that RandomPassword makes.
const PasswordLength = 24

// RandomPassword makes a password of 24 characters from r that Windows'
// complexity rule always accepts: it begins with a letter and holds at least
// one each of A-Z, a-z, 0-9 and !#*+-=?@_ ; it holds no character that cmd,
// PowerShell or XML treats specially, and none of the strings in avoid (the
// account's and the computer's name), in any case.
func RandomPassword(r io.Reader, avoid ...string) (string, error) {
	return "", errors.New("not yet")
}
