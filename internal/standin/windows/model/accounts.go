package model

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"slices"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/regf"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/windows"
)

// Where SAM keeps the local accounts: the names, whose default value has the
// RID as its type, and the accounts by RID.
const (
	accountNamesKey = `SAM\Domains\Account\Users\Names`
	accountsKey     = `SAM\Domains\Account\Users`
	administratorID = 500
	firstAccountID  = 1000

	accountDisabled = 1
	passwordExpired = 2
)

func (m *Model) makeAccounts(i Install, p windows.Product) {
	name := "Administrator"
	if locale, err := windows.LookupLocale(i.Language); err == nil && locale.Administrator != "" {
		name = locale.Administrator
	}
	m.addAccount(administratorID, Account{Name: name, Password: i.AdministratorPassword, Administrator: true})
	if !p.Server && i.AdministratorPassword == "" {
		// On clients the built-in account is there and disabled.
		m.account(name).Set(regf.DWordValue("Flags", accountDisabled))
	}
	for n, a := range i.Accounts {
		if strings.EqualFold(a.Name, i.ComputerName) {
			// The account is then in no group at all (unattend-generator#16).
			a.Administrator = false
		}
		m.addAccount(uint32(firstAccountID+n), a)
	}
	if a := i.AutoLogon; a != nil {
		w := m.software.Create(winlogonKey)
		w.Set(regf.StringValue("AutoAdminLogon", "1"))
		w.Set(regf.StringValue("DefaultUserName", a.User))
		w.Set(regf.StringValue("DefaultDomainName", "."))
		w.Set(regf.StringValue("DefaultPassword", a.Password))
		w.Set(regf.DWordValue("AutoLogonCount", uint32(a.Count)))
	}
}

func (m *Model) addAccount(rid uint32, a Account) {
	m.sam.Create(accountNamesKey + `\` + a.Name).Set(regf.Value{Type: regf.Type(rid)})
	k := m.sam.Create(fmt.Sprintf(`%s\%08X`, accountsKey, rid))
	k.Set(regf.DWordValue("Flags", 0))
	k.Set(regf.DWordValue("Administrator", map[bool]uint32{true: 1}[a.Administrator]))
	setPassword(k, a.Password)
}

// setPassword keeps a salted digest: not what SAM holds, but no password
// either.
func setPassword(k *regf.Key, password string) {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails
	sum := sha256.Sum256(append(slices.Clone(salt), password...))
	k.Set(regf.BinaryValue("V", append(salt, sum[:]...)))
}

// account is the SAM entry of an account, nil when there is none.
func (m *Model) account(name string) *regf.Key {
	v, ok := m.sam.Open(accountNamesKey + `\` + name).Get("")
	if !ok {
		return nil
	}
	return m.sam.Open(fmt.Sprintf(`%s\%08X`, accountsKey, uint32(v.Type)))
}

func (m *Model) accountID(name string) (uint32, bool) {
	v, ok := m.sam.Open(accountNamesKey + `\` + name).Get("")
	return uint32(v.Type), ok
}

// administratorName is what RID 500 is called on this Windows.
func (m *Model) administratorName() string {
	for _, k := range m.sam.Open(accountNamesKey).Subkeys() {
		if v, ok := k.Get(""); ok && v.Type == administratorID {
			return k.Name
		}
	}
	return ""
}

// removeAccount deletes an account with its profile, which nobody may use then;
// RID 500 cannot be deleted.
func (m *Model) removeAccount(name string) error {
	rid, ok := m.accountID(name)
	if !ok || rid == administratorID {
		return nil
	}
	if m.profileInUse(name) {
		return fmt.Errorf("the profile of %s is in use", name)
	}
	if err := m.removeProfile(name); err != nil {
		return err
	}
	m.sam.Delete(accountNamesKey + `\` + name)
	m.sam.Delete(fmt.Sprintf(`%s\%08X`, accountsKey, rid))
	return nil
}

// Authenticate is the logon of WinRM's Basic authentication: a local
// administrator with a password. A member of Administrators other than RID 500
// gets a filtered token over the network unless LocalAccountTokenFilterPolicy
// is 1, and WinRM then refuses it.
func (m *Model) Authenticate(user, password string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if domain, name, ok := strings.Cut(user, `\`); ok {
		computer, _ := m.controlSet().Text(activeComputerNameKey, "ComputerName")
		if domain != "." && !strings.EqualFold(domain, computer) {
			return false
		}
		user = name
	}
	k := m.account(user)
	if k == nil || password == "" || !passwordIs(k, password) {
		return false
	}
	if flags, _ := k.Number("", "Flags"); flags != 0 {
		return false
	}
	if admin, _ := k.Number("", "Administrator"); admin == 0 {
		return false
	}
	if rid, _ := m.accountID(user); rid != administratorID {
		n, _ := m.software.Number(currentVersionKey+`\Policies\System`, "LocalAccountTokenFilterPolicy")
		return n == 1
	}
	return true
}

func passwordIs(k *regf.Key, password string) bool {
	v, ok := k.Get("V")
	if !ok || len(v.Data) != 48 {
		return false
	}
	sum := sha256.Sum256(append(slices.Clone(v.Data[:16]), password...))
	return subtle.ConstantTimeCompare(sum[:], v.Data[16:]) == 1
}

// AutoLogon says who is logged on by itself at this start, and uses up one of
// the logons. LogonCount N gives N+1 logons (Microsoft, "LogonCount").
func (m *Model) AutoLogon() (user string, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	w := m.software.Open(winlogonKey)
	if s, _ := w.Get("AutoAdminLogon"); s.String() != "1" {
		return "", false
	}
	name, _ := w.Get("DefaultUserName")
	password, _ := w.Get("DefaultPassword")
	k := m.account(name.String())
	if k == nil || !passwordIs(k, password.String()) {
		return "", false
	}
	if flags, _ := k.Number("", "Flags"); flags != 0 {
		return "", false
	}
	if count, has := w.Get("AutoLogonCount"); has {
		n, _ := count.Number()
		if n == 0 {
			w.Set(regf.StringValue("AutoAdminLogon", "0"))
			w.Unset("AutoLogonCount")
			w.Unset("DefaultPassword")
		} else {
			w.Set(regf.DWordValue("AutoLogonCount", uint32(n-1)))
		}
	}
	if err := m.loadProfile(name.String()); err != nil {
		return "", false // Windows logs off again who has no profile
	}
	return name.String(), true
}
