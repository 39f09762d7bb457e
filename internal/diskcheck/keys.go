package diskcheck

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/handoff"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/windows"
)

const (
	dismLogs = `Windows\Logs\DISM`
	// maxDismLog is more than DISM lets a log grow to.
	maxDismLog = 64 << 20
)

// productKey is the form of a key (windows.IsKeyForm), within a text.
var productKey = regexp.MustCompile(`(?i)\b[BCDFGHJKMNPQRTVWXY2346789]{5}(?:-[BCDFGHJKMNPQRTVWXY2346789]{5}){4}\b`)

// checkKeys looks for product keys in DISM's logs, which begin with its command
// line. Ours has a log of its own; a provisioner of the user's may have changed the
// edition by itself. Microsoft's public keys may stand there. It is a warning: the
// template is good, and everybody who has it has the key.
func (c *checker) checkKeys() {
	const id = "product-key"
	entries, err := c.windows.ReadDir(dismLogs)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.unknown(id, `C:\`+dismLogs, err)
		return
	}
	bad := false
	warn := func(object, found, remedy string) {
		c.add(id, handoff.Warning, object, found, remedy)
		bad = true
	}
	for _, e := range entries {
		if ext := strings.ToLower(path.Ext(e.Name)); ext != ".log" && ext != ".bak" {
			continue
		}
		object := `C:\` + dismLogs + `\` + e.Name
		b, err := c.windows.ReadFile(dismLogs+`\`+e.Name, maxDismLog)
		if err != nil {
			warn(object, "can't be searched for product keys: "+err.Error(), "delete it before the sysprep block")
			continue
		}
		if n := privateKeys(b); n > 0 {
			warn(object, fmt.Sprintf("holds a product key that is not public, %d times", n), "delete it before the sysprep block, or give dism.exe a /LogPath that is deleted")
		}
	}
	if !bad {
		c.ok(id, `C:\`+dismLogs, "no product key but Microsoft's public ones")
	}
}

// privateKeys counts the keys in a text, in UTF-16 or not, that Microsoft has not
// published.
func privateKeys(text []byte) int {
	n := 0
	for _, key := range productKey.FindAll(bytes.ReplaceAll(text, []byte{0}, nil), -1) {
		if _, _, public := windows.KeyOwner(string(key)); !public && !windows.IsAVMAKey(string(key)) {
			n++
		}
	}
	return n
}
