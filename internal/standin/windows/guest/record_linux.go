package guest

import (
	"crypto/rand"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/model"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/setup"
)

// recordFile carries what Setup decided in Windows PE over to its first start
// from the disk, which removes it.
const recordFile = "Windows/Panther/standin-setup.json"

// record is what Setup knew at the end of the windowsPE pass.
type record struct {
	Build            int            `json:"build"`
	EditionID        string         `json:"edition_id"`
	ProductName      string         `json:"product_name"`
	InstallationType string         `json:"installation_type"`
	Language         string         `json:"language"`
	Firmware         string         `json:"firmware"`
	Drivers          []model.Driver `json:"drivers"`
	Devices          []setup.Device `json:"devices"`
	// RecoveryMiB is the recovery partition that Setup makes at the first
	// start from the disk.
	RecoveryMiB int64 `json:"recovery_mib"`
}

func recordOf(i *setup.Installation) record {
	r := record{
		Build: i.Image.Build, EditionID: i.Image.EditionID, InstallationType: i.Image.InstallationType,
		ProductName: productName(i.Image.DisplayName),
		Language:    i.Language, Firmware: string(firmware()), Devices: pciDevices(),
		RecoveryMiB: i.Layout.RecoveryMiB(i.Image.Build),
	}
	for _, p := range i.Drivers {
		r.Drivers = append(r.Drivers, model.Driver{Name: p.Name, INF: p.INF, Service: p.Service})
	}
	return r
}

// productName is what Windows calls itself: DISPLAYNAME without what tells
// Core and Desktop apart.
func productName(display string) string {
	name, _, _ := strings.Cut(display, " (")
	return name
}

func (r record) write(root string) error {
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return writeUnder(root, recordFile, data)
}

// readRecord gives the record, and whether this is the first start after
// Windows PE.
func readRecord(root string) (record, bool, error) {
	var r record
	data, err := os.ReadFile(filepath.Join(root, recordFile))
	if os.IsNotExist(err) {
		return r, false, nil
	}
	if err != nil {
		return r, false, err
	}
	return r, true, json.Unmarshal(data, &r)
}

// model makes the Windows that the passes so far have decided on.
func (r record) model(s setup.Specialized, w setup.Welcomed) (*model.Model, error) {
	i := model.Install{
		Build: r.Build, EditionID: r.EditionID, ProductName: r.ProductName, InstallationType: r.InstallationType,
		Language: r.Language, Firmware: r.Firmware, ComputerName: s.ComputerName, TimeZone: s.TimeZone,
		AdministratorPassword: w.AdministratorPassword, Drivers: r.Drivers,
	}
	if i.ComputerName == "" {
		i.ComputerName = randomName()
	}
	if i.TimeZone == "" {
		i.TimeZone = "Pacific Standard Time" // an image's own, until somebody sets another
	}
	if w.TimeZone != "" {
		i.TimeZone = w.TimeZone
	}
	for _, d := range r.Devices {
		i.Devices = append(i.Devices, model.PCIDevice(d))
	}
	for _, a := range w.Accounts {
		i.Accounts = append(i.Accounts, model.Account(a))
	}
	if w.LogonUser != "" {
		i.AutoLogon = &model.AutoLogon{User: w.LogonUser, Password: w.LogonPassword, Count: w.LogonCount}
	}
	for _, c := range s.Commands {
		action, err := setup.Interpret(c.Line)
		if err != nil {
			return nil, &setup.Screen{ID: "command", Pass: "specialize", Title: "The stand-in refuses a command", Text: err.Error()}
		}
		if action.Registry != nil {
			i.Registry = append(i.Registry, model.RegValue(*action.Registry))
		}
	}
	return model.New(i)
}

// randomName is what Windows calls a computer that nobody named.
func randomName() string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	b := make([]byte, 11)
	if _, err := rand.Read(b); err != nil {
		panic(err) // crypto/rand.Read never fails on Linux
	}
	for i := range b {
		b[i] = letters[int(b[i])%len(letters)]
	}
	return "WIN-" + string(b)
}
