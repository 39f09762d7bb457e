//go:build !unix

package discs

import "errors"

// lock refuses: the maker runs Debian's own tools.
func lock(string) (unlock func(), err error) {
	return nil, errors.New("the stand-in's media are made under Linux")
}
