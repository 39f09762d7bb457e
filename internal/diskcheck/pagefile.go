package diskcheck

import (
	"errors"
	"io/fs"
	"slices"
)

const memoryKey = `HKLM\SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management`

// checkPageFile: a template may hold no page file, if its answer file gives each
// clone one. Windows takes an empty PagingFiles for the wish to have none, also
// in the clone, and such a clone's memory ends where its RAM does.
func (c *checker) checkPageFile() {
	const id, object = "page-file", memoryKey + "!PagingFiles"
	v, err := c.value(memoryKey, "PagingFiles")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.ok(id, object, "is not there")
		return
	case err != nil:
		c.unknown(id, object, err)
		return
	case v.String() != "":
		c.ok(id, object, v.String())
		return
	}
	b, err := c.windows.ReadFile(cachedAnswer, maxText)
	if err != nil {
		c.missing(id, `C:\`+cachedAnswer, err, "it must give each clone its page file back")
		return
	}
	answers, err := settingsOf(b)
	if err != nil {
		c.unknown(id, `C:\`+cachedAnswer, err)
		return
	}
	if !slices.ContainsFunc(answers, has("specialize/Microsoft-Windows-Deployment/RunSynchronous/", "/v PagingFiles ")) {
		c.fail(id, object, "names no page file, and the answer file gives none back", "each clone would run without one; seal after the restart that cleanup { page_file = true } asks for, or set PagingFiles in a fragment")
		return
	}
	c.ok(id, object, "names none; the answer file gives each clone its own")
}
