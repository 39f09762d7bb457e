package windows

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"
)

// PasswordLength is the length of the passwords that RandomPassword makes.
const PasswordLength = 24

// The classes of a password's characters. The marks are those that neither
// cmd.exe, PowerShell's double quotes, XML nor a URL's userinfo disturb.
const (
	passwordUpper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	passwordLower = "abcdefghijklmnopqrstuvwxyz"
	passwordDigit = "0123456789"
	passwordMark  = "!#*+-=?@_"
)

// RandomPassword makes a password of 24 characters from r (crypto/rand.Reader)
// that Windows' complexity rule always accepts: it begins with a letter and
// holds at least one each of A-Z, a-z, 0-9 and !#*+-=?@_ ; it holds none of
// the strings in avoid (the account's and the computer's name), in any case:
// OOBE stops at a password that the rule refuses. Strings shorter than three
// characters are not avoided, nor does Windows look at them.
func RandomPassword(r io.Reader, avoid ...string) (string, error) {
	random := bufio.NewReaderSize(r, 64)
	// Each try fails with a chance of about one in five; a source that is
	// stuck must not hang the build.
	for range 1000 {
		password, err := drawPassword(random)
		if err != nil {
			return "", fmt.Errorf("random password: %w", err)
		}
		if CheckPassword(password, avoid...) == nil && strings.ContainsAny(password, passwordMark) &&
			strings.ContainsAny(password, passwordDigit) &&
			strings.ContainsAny(password, passwordUpper) && strings.ContainsAny(password, passwordLower) {
			return password, nil
		}
	}
	return "", errors.New("random password: the random source gives nothing but unusable passwords")
}

func drawPassword(random io.ByteReader) (string, error) {
	const letters = passwordUpper + passwordLower
	const all = letters + passwordDigit + passwordMark
	var out [PasswordLength]byte
	for i := range out {
		set := all
		if i == 0 {
			set = letters
		}
		// Bytes beyond the last whole multiple are thrown away, so that
		// every character is equally likely.
		limit := 256 / len(set) * len(set)
		for {
			b, err := random.ReadByte()
			if err != nil {
				return "", err
			}
			if int(b) < limit {
				out[i] = set[int(b)%len(set)]
				break
			}
		}
	}
	return string(out[:]), nil
}

// CheckPassword says why Windows' default password rule refuses a password,
// or nil: at least three of four character classes, six characters or more,
// not more than 127 (what the logon takes), and none of names inside.
// Microsoft: "Password must meet complexity requirements".
func CheckPassword(password string, names ...string) error {
	if n := len(utf16.Encode([]rune(password))); n < 6 || n > 127 {
		return fmt.Errorf("has %d characters; Windows wants 6 to 127", n)
	}
	classes := map[string]bool{}
	for _, c := range password {
		switch {
		case c < ' ' || c == 0x7f || c == 0xFFFD || c == 0xFFFE || c == 0xFFFF:
			return fmt.Errorf("holds the character U+%04X, which no answer file can carry", c)
		case strings.ContainsRune(passwordUpper, c):
			classes["upper"] = true
		case strings.ContainsRune(passwordLower, c):
			classes["lower"] = true
		case strings.ContainsRune(passwordDigit, c):
			classes["digit"] = true
		case c < 0x80:
			classes["mark"] = true
		// Letters with diacritic marks, Greek and Cyrillic ones have their case;
		// those without one (Korean, Japanese) are a class of their own. Other
		// characters, such as an emoji or a currency's sign, count for nothing.
		case unicode.IsUpper(c):
			classes["upper"] = true
		case unicode.IsLower(c):
			classes["lower"] = true
		case unicode.IsLetter(c):
			classes["other"] = true
		}
	}
	if len(classes) < 3 {
		return errors.New("has fewer than three of: upper case, lower case, digits, marks, other letters; Windows' complexity rule wants three")
	}
	for _, name := range names {
		if len([]rune(name)) > 2 && strings.Contains(strings.ToLower(password), strings.ToLower(name)) {
			return fmt.Errorf("holds the name %q, which Windows' complexity rule forbids", name)
		}
	}
	return nil
}
