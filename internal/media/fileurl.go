package media

import (
	"fmt"
	"net/url"
	"strings"
)

// FileURL gives the path that a file:// address names; isFile is false for any
// other text, also for a path. A host other than localhost is refused: the first
// folder of file://media/x.iso would be taken for one and left out (RFC 8089, 2).
func FileURL(address string) (path string, isFile bool, err error) {
	if scheme, _, found := strings.Cut(address, "://"); !found || !strings.EqualFold(scheme, "file") {
		return "", false, nil
	}
	u, err := url.Parse(address)
	if err != nil {
		return "", true, fmt.Errorf("%q is no address of a file; give its path alone", address)
	}
	if u.Host != "" && !strings.EqualFold(u.Host, "localhost") {
		return "", true, fmt.Errorf("file://%s%s names the host %s: write file:///%s%s for a file of this machine, or give its path alone", u.Host, u.Path, u.Host, u.Host, u.Path)
	}
	return u.Path, true, nil
}
