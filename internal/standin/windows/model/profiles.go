package model

import (
	"fmt"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/regf"
)

const (
	profileListKey = versionKey + `\ProfileList`
	profilesFolder = `C:\Users\`
	// machineSID is what the SIDs of local accounts begin with.
	machineSID = "S-1-5-21-1004336348-1177238915-682003330-"
)

// loadProfile makes an account's profile when there is none. Windows calls its
// folder like the account, and where that is there already, NAME.HOST, then
// NAME.HOST.000 and so on; which one it is stands below the account's SID.
func (m *Model) loadProfile(account string) error {
	key, ok := m.profileKey(account)
	if !ok {
		return fmt.Errorf("there is no account %s", account)
	}
	if m.profileFolder(account) != "" {
		return nil
	}
	computer, _ := m.controlSet().Text(activeComputerNameKey, "ComputerName")
	folder := account
	for n := -1; m.disk.exists(`Users\` + folder); n++ {
		folder = account + "." + computer
		if n >= 0 {
			folder += fmt.Sprintf(".%03d", n)
		}
	}
	m.software.Create(key).Set(regf.ExpandStringValue("ProfileImagePath", profilesFolder+folder))
	return m.disk.write(`Users\`+folder+`\NTUSER.DAT`, []byte("the registry of "+account))
}

// removeProfile does what Win32_UserProfile's Delete does: the key and the folder
// that it names.
func (m *Model) removeProfile(account string) error {
	key, ok := m.profileKey(account)
	if !ok {
		return nil
	}
	if folder := m.profileFolder(account); folder != "" {
		if err := m.disk.remove(folder); err != nil {
			return err
		}
	}
	m.software.Delete(key)
	return nil
}

// profileFolder is where an account's profile lies, from the root of drive C:.
func (m *Model) profileFolder(account string) string {
	key, ok := m.profileKey(account)
	if !ok {
		return ""
	}
	path, _ := m.software.Text(key, "ProfileImagePath")
	return strings.TrimPrefix(path, `C:\`)
}

func (m *Model) profileKey(account string) (string, bool) {
	rid, ok := m.accountID(account)
	return fmt.Sprintf(`%s\%s%d`, profileListKey, machineSID, rid), ok
}
