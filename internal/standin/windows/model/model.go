package model

import (
	"context"
	"encoding/json"
	"errors"
	"sync"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/regf"
)

// Install is what Setup has decided by the end of the windowsPE pass.
type Install struct {
	Build            int    // 20348
	EditionID        string // ServerStandard
	ProductName      string // Windows Server 2022 Standard
	InstallationType string // Server | Server Core | Client
	Language         string // ko-KR
	Firmware         string // uefi | bios
	Evaluation       bool
	ComputerName     string
	TimeZone         string // a Windows name
	// AdministratorPassword enables the built-in administrator; empty leaves
	// the account without a password on servers and disabled on clients.
	AdministratorPassword string
	Accounts              []Account
	AutoLogon             *AutoLogon
	// Registry are the values that the answer file's commands add.
	Registry []RegValue
	// Drivers are the packages that Setup took into the driver store.
	Drivers []Driver
}

// Account is a local account.
type Account struct {
	Name          string
	Password      string
	Administrator bool
}

// AutoLogon is the answer file's AutoLogon element.
type AutoLogon struct {
	User, Password string
	Count          int
}

// RegValue is a value as `reg.exe add` takes it.
type RegValue struct {
	Key  string // HKLM\SOFTWARE\…
	Name string
	Type string // REG_SZ, REG_DWORD …
	Data string
}

// Driver is a driver package in the driver store.
type Driver struct {
	Name    string // viostor
	INF     string // viostor.inf
	Service string // viostor; "" for a package that brings none
}

// Model is one installation of Windows. Its methods may be called from several
// goroutines.
type Model struct {
	mu       sync.Mutex
	software *regf.Key
	system   *regf.Key
	sam      *regf.Key
	host     Host
}

// New makes the Windows that Setup has just laid down.
func New(i Install) (*Model, error) { return nil, errors.New("not yet") }

// Load reads the hives below the mounted drive C:.
func Load(root string) (*Model, error) { return nil, errors.New("not yet") }

// Save writes clean hives (equal sequence numbers) below the mounted drive C:.
func (m *Model) Save(root string) error { return errors.New("not yet") }

// Boot is the start of Windows on h: devices are bound to drivers, what waited
// for a reboot is done, and services that start by themselves start.
func (m *Model) Boot(h Host) error { return errors.New("not yet") }

// AutoLogon says who is logged on by itself at this boot, and uses up one of
// the logons.
func (m *Model) AutoLogon() (user string, ok bool) { return "", false }

// FirstLogonDone says whether the answer file's first-logon commands have run.
func (m *Model) FirstLogonDone() bool { return false }

// Bootstrap does what the bootstrap script on the answer disc does.
func (m *Model) Bootstrap(ctx context.Context) error { return errors.New("not yet") }

// Authenticate is the logon of WinRM's Basic authentication.
func (m *Model) Authenticate(user, password string) bool { return false }

// Run does what the script of an operation of internal/guest does. The error
// is of the script's own: a code and a message.
func (m *Model) Run(ctx context.Context, operation string, params json.RawMessage) (result any, reboot bool, err error) {
	return nil, false, errors.New("not yet")
}
