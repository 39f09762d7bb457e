package model

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/regf"
)

// Keys below SOFTWARE.
const (
	versionKey        = `Microsoft\Windows NT\CurrentVersion`
	winlogonKey       = versionKey + `\Winlogon`
	currentVersionKey = `Microsoft\Windows\CurrentVersion`
	setupStateKey     = currentVersionKey + `\Setup\State`
	uninstallKey      = currentVersionKey + `\Uninstall`
	wsmanKey          = currentVersionKey + `\WSMAN`
	rebootPendingKey  = currentVersionKey + `\Component Based Servicing\RebootPending`
	rebootRequiredKey = currentVersionKey + `\WindowsUpdate\Auto Update\RebootRequired`
	oobeKey           = currentVersionKey + `\OOBE`
	machineStoreKey   = `Microsoft\SystemCertificates\MY\Certificates`
	publisherStoreKey = `Microsoft\SystemCertificates\TrustedPublisher\Certificates`
)

// Keys below the current control set of SYSTEM.
const (
	servicesKey           = `Services`
	sessionManagerKey     = `Control\Session Manager`
	computerNameKey       = `Control\ComputerName\ComputerName`
	activeComputerNameKey = `Control\ComputerName\ActiveComputerName`
	firewallRulesKey      = `Services\SharedAccess\Parameters\FirewallPolicy\FirewallRules`
	sslBindingKey         = `Services\HTTP\Parameters\SslBindingInfo`
)

// The states in which Setup and sysprep leave an image.
const (
	stateComplete     = "IMAGE_STATE_COMPLETE"
	stateUndeployable = "IMAGE_STATE_UNDEPLOYABLE"
	stateSealed       = "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE"
)

func (m *Model) imageState() string {
	s, _ := m.software.Text(setupStateKey, "ImageState")
	return s
}

func (m *Model) setImageState(s string) { m.software.SetString(setupStateKey, "ImageState", s) }

// controlSet is the tree that HKLM\SYSTEM\CurrentControlSet links to.
func (m *Model) controlSet() *regf.Key {
	n, _ := m.system.Number("Select", "Current")
	return m.system.Create(fmt.Sprintf("ControlSet%03d", n))
}

// key finds the tree and the path in it of a full registry path. Only the
// hives that the model has are known.
func (m *Model) key(path string) (*regf.Key, string, error) {
	rest := path
	for _, root := range []string{`HKLM:\`, `HKLM\`, `HKEY_LOCAL_MACHINE\`} {
		if len(rest) >= len(root) && strings.EqualFold(rest[:len(root)], root) {
			rest = rest[len(root):]
			break
		}
	}
	hive, sub, _ := strings.Cut(rest, `\`)
	switch strings.ToUpper(hive) {
	case "SOFTWARE":
		return m.software, sub, nil
	case "SYSTEM":
		if first, after, _ := strings.Cut(sub, `\`); strings.EqualFold(first, "CurrentControlSet") {
			return m.controlSet(), after, nil
		}
		return m.system, sub, nil
	case "SAM":
		return m.sam, sub, nil
	}
	return nil, "", fmt.Errorf("registry path %s: the stand-in has only HKLM\\SOFTWARE, SYSTEM and SAM", path)
}

// setRegistry does `reg.exe add`.
func (m *Model) setRegistry(v RegValue) error {
	root, path, err := m.key(v.Key)
	if err != nil {
		return err
	}
	value, err := regValue(v)
	if err != nil {
		return fmt.Errorf("%s!%s: %w", v.Key, v.Name, err)
	}
	root.Create(path).Set(value)
	return nil
}

// regValue reads data as reg.exe's /d does.
func regValue(v RegValue) (regf.Value, error) {
	switch strings.ToUpper(v.Type) {
	case "", "REG_SZ":
		return regf.StringValue(v.Name, v.Data), nil
	case "REG_EXPAND_SZ":
		return regf.ExpandStringValue(v.Name, v.Data), nil
	case "REG_MULTI_SZ":
		return regf.MultiStringValue(v.Name, strings.Split(v.Data, `\0`)), nil
	case "REG_DWORD":
		n, err := strconv.ParseUint(v.Data, 0, 32)
		return regf.DWordValue(v.Name, uint32(n)), err
	case "REG_QWORD":
		n, err := strconv.ParseUint(v.Data, 0, 64)
		return regf.QWordValue(v.Name, n), err
	case "REG_BINARY":
		b, err := hex.DecodeString(v.Data)
		return regf.BinaryValue(v.Name, b), err
	}
	return regf.Value{}, fmt.Errorf("reg.exe knows no type %s", v.Type)
}
