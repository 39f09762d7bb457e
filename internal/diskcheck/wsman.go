package diskcheck

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/answerfile"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/diskcheck/hive"
)

// checkWSMan wants a quota of WinRM to be what it was before the build. That
// was noted in the guest alone; here the value that the build sets is what must
// not be there. Where WinRM keeps the quotas below its key is not documented,
// so any value of the item's name counts, in whichever subkey. None at all is
// right: WinRM writes what differs from its default.
func (c *checker) checkWSMan(s answerfile.Setting) {
	id, name := "build-"+s.ID, s.Name[strings.LastIndexByte(s.Name, '\\')+1:]
	object := wsmanKey + "!" + name
	root, err := c.key(wsmanKey)
	if errors.Is(err, fs.ErrNotExist) {
		c.ok(id, object, "is not there")
		return
	}
	var values []found
	if err == nil {
		values, err = named(root, wsmanKey, name, 3)
	}
	if err != nil {
		c.unknown(id, object, err)
		return
	}
	for _, v := range values {
		if v.String() == s.Data {
			c.fail(id, v.key+"!"+v.Name, v.String(), "set for the build: "+s.Why+"; the seal must put back what was there before")
			return
		}
	}
	c.ok(id, object, fmt.Sprintf("%d values, none is the build's %s", len(values), s.Data))
}

// found is a value with the path of its key.
type found struct {
	hive.Value
	key string
}

// named finds the values of a name in a key and the keys below it.
func named(k *hive.Key, path, name string, depth int) ([]found, error) {
	var list []found
	v, err := k.Value(name)
	if err == nil {
		list = append(list, found{v, path})
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if depth == 0 {
		return list, nil
	}
	subs, err := k.Subkeys()
	if err != nil {
		return nil, err
	}
	for _, sub := range subs {
		more, err := named(sub, path+`\`+sub.Name(), name, depth-1)
		if err != nil {
			return nil, err
		}
		list = append(list, more...)
	}
	return list, nil
}
