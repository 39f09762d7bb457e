package diskcheck

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/diskcheck/hive"
)

const (
	usersKey       = `SAM\Domains\Account\Users` // each account by its RID, in eight hexadecimal digits
	namesKey       = usersKey + `\Names`
	profileListKey = `HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList`
	usersFolder    = "Users"
)

// checkAccount looks for the build's own account and its profile. The seal knows
// the profile by the account's SID, which nobody knows any more when the account
// is gone; so no profile may be called like the build's, unless it is another
// account's. (Windows leaves some itself whose accounts are gone: defaultuser0.)
func (c *checker) checkAccount() {
	const id = "build-account"
	if c.want.Account == "" {
		return
	}
	h := c.openHive("SAM")
	if h == nil {
		return // openHive has said why
	}
	_, err := h.Key(namesKey + `\` + c.want.Account)
	if !c.absent(id, "account "+c.want.Account, "is there", "the seal must delete it with its profile", err) {
		return
	}
	profiles, err := c.profiles(h)
	if err != nil {
		c.unknown(id, profileListKey, err)
		return
	}
	kept, good := map[string]bool{}, true
	for _, p := range profiles {
		switch {
		case p.owned:
			kept[strings.ToLower(p.folder())] = true
		case namedAfter(p.folder(), c.want.Account):
			c.fail(id, profileListKey+`\`+p.sid, "the profile of the build's account is there, "+p.path, "the seal must delete it")
			good = false
		}
	}
	entries, err := c.windows.ReadDir(usersFolder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.unknown(id, `C:\`+usersFolder, err)
		return
	}
	for _, e := range entries {
		if !namedAfter(e.Name, c.want.Account) || kept[strings.ToLower(e.Name)] {
			continue
		}
		if _, err := h.Key(namesKey + `\` + e.Name); err == nil {
			continue // of somebody whose name has a dot, and who has not logged on yet
		}
		c.fail(id, `C:\`+usersFolder+`\`+e.Name, "the profile of the build's account is there", "the seal must delete it")
		good = false
	}
	if good {
		c.ok(id, "account "+c.want.Account, "is not there")
	}
}

// profile is what ProfileList says of one account of this machine.
type profile struct {
	sid, path string
	owned     bool // by an account that is there
}

// folder is the profile's, without the folder that it lies in.
func (p profile) folder() string { return p.path[strings.LastIndexByte(p.path, '\\')+1:] }

// profiles lists those of accounts: S-1-5-18 and its like, services and IIS pools
// have theirs elsewhere.
func (c *checker) profiles(sam *hive.Hive) ([]profile, error) {
	subs, err := c.subkeys(profileListKey)
	if err != nil {
		return nil, err
	}
	var list []profile
	for _, k := range subs {
		// Windows renames the key of a profile that it could not load.
		sid := strings.TrimSuffix(strings.ToUpper(k.Name()), ".BAK")
		rest, ok := strings.CutPrefix(sid, "S-1-5-21-")
		if !ok {
			continue
		}
		v, err := k.Value("ProfileImagePath")
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k.Name(), err)
		}
		rid, err := strconv.ParseUint(rest[strings.LastIndexByte(rest, '-')+1:], 10, 32)
		if err != nil {
			return nil, fmt.Errorf("%s is no SID", k.Name())
		}
		_, err = sam.Key(fmt.Sprintf(`%s\%08X`, usersKey, rid))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		path, _ := v.Text()
		list = append(list, profile{sid: k.Name(), path: path, owned: err == nil})
	}
	return list, nil
}

// namedAfter says whether Windows calls an account's profile so: NAME, and where
// that folder is there already, NAME.HOST, NAME.HOST.000 and so on.
func namedAfter(folder, account string) bool {
	rest, ok := cutPrefixFold(folder, account)
	return ok && (rest == "" || rest[0] == '.')
}
