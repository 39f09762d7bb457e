package model

import (
	"context"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/regf"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/windows"
)

// Channels of a key, as SoftwareLicensingProduct names them, and license
// statuses (Microsoft, "SoftwareLicensingProduct class").
const (
	channelKMS    = "Volume:GVLK"
	channelMAK    = "Volume:MAK"
	channelRetail = "Retail"
	channelEval   = "TIMEBASED_EVAL"

	statusLicensed     = 1
	statusGrace        = 2
	statusNotification = 5
)

// Codes of the licensing service (Microsoft, "Resolve Windows activation error
// codes"; 0xC004F069 is SL_E_MISMATCHED_PRODUCT_SKU of slerror.h, which users see
// when they give an evaluation a key by slmgr). DISM's are as users report them:
// 50 with its text, on clients and domain controllers; 0x8A010101, "The specified
// product key could not be validated", on Server 2019. That dism.exe ends with
// the number that it prints is not confirmed.
const (
	invalidKey    = 0xC004F050
	otherEdition  = 0xC004F069
	noKMS         = 0xC004F074
	noKMSRecord   = 0x8007232B // no KMS host is named, and DNS has none
	noMicrosoft   = 0x80072EE7 // the name of Microsoft's server was not resolved
	dismOnline    = 50         // "Setting an Edition is not supported with online images"
	dismKey       = 0x8A010101 - 1<<32
	dismRestart   = 3010
	editionValue  = "StandinEdition" // in rebootPendingKey; Windows keeps it in its servicing stack
	productValue  = "StandinProduct"
	kmsPort       = 1688
	kmsDialing    = 5 * time.Second
	partialValue  = "PartialProductKey" // in rearmKey; Windows keeps these in a store of its own
	channelValue  = "ProductKeyChannel"
	statusValue   = "LicenseStatus"
	controllerKey = "LanmanNT"
)

func partial(key string) string { return key[len(key)-5:] }

// inboxLicense: volume editions are KMS clients from the start (Microsoft,
// "KMS client activation and product keys"); an evaluation has ten days to be
// activated (Microsoft, Evaluation Center).
func (m *Model) inboxLicense(i Install, p windows.Product) {
	if windows.IsEvaluation(i.EditionID) {
		m.setLicense("EVALX", channelEval, statusGrace)
		return
	}
	if key, ok := windows.KMSClientKey(p, i.EditionID); ok {
		m.setLicense(partial(key), channelKMS, statusNotification)
	}
}

func (m *Model) setLicense(partialKey, channel string, status uint32) {
	k := m.software.Create(rearmKey)
	k.Set(regf.StringValue(partialValue, partialKey))
	k.Set(regf.StringValue(channelValue, channel))
	k.Set(regf.DWordValue(statusValue, status))
}

// product is what is installed, and its edition.
func (m *Model) product() (windows.Product, string, error) {
	build, _ := m.software.Text(versionKey, "CurrentBuildNumber")
	kind, _ := m.software.Text(versionKey, "InstallationType")
	edition, _ := m.software.Text(versionKey, "EditionID")
	n, err := strconv.Atoi(build)
	if err != nil {
		return windows.Product{}, edition, err
	}
	p, err := windows.ProductOf(n, kind)
	return p, edition, err
}

// keyFits says whether a key is one of a product's edition. Whose a key is
// that is not public, only Microsoft knows: it is taken for the right one.
func keyFits(key string, p windows.Product, edition string) bool {
	product, owner, public := windows.KeyOwner(key)
	if !public {
		return true
	}
	return windows.SameEdition(owner, edition) && (product == p.Name || product == "" && !p.Server)
}

// channelOf is a key's channel: a public key of a server is a KMS client's,
// one that is not public counts as a multiple activation key.
func channelOf(key string, p windows.Product, edition string) string {
	if kms, ok := windows.KMSClientKey(p, edition); ok && strings.EqualFold(kms, key) {
		return channelKMS
	}
	if _, _, public := windows.KeyOwner(key); public {
		return channelRetail
	}
	return channelMAK
}

// dismEdition is DISM's name of an edition: that of Server Core ends in Cor,
// while the registry of an installed one has none of it beside its
// InstallationType (Microsoft, "GetProductInfo", PRODUCT_STANDARD_SERVER_CORE).
func dismEdition(p windows.Product, edition string) string {
	if p.Core {
		return windows.BaseEdition(edition) + "Cor"
	}
	return edition
}

// editionTargets, in DISM's names: an evaluation of Standard becomes either, Datacenter stays
// Datacenter, and a client's evaluation becomes nothing (Microsoft, "Upgrade
// and conversion options for Windows Server").
func editionTargets(p windows.Product, edition string) []string {
	switch strings.ToLower(windows.BaseEdition(edition)) {
	case "serverstandardeval":
		return []string{dismEdition(p, "ServerStandard"), dismEdition(p, "ServerDatacenter")}
	case "serverdatacentereval", "serverstandard":
		return []string{dismEdition(p, "ServerDatacenter")}
	case "professional":
		return []string{"Education", "Enterprise", "ProfessionalWorkstation", "ProfessionalEducation"}
	}
	return []string{}
}

func (m *Model) editionConvert(_ context.Context, _ caller, p guest.EditionConvertParameters) (guest.EditionConvertResult, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	product, from, err := m.product()
	r := guest.EditionConvertResult{From: from, Targets: []string{}}
	if err != nil {
		return r, false, err
	}
	same := func(edition string) bool {
		return strings.EqualFold(edition, p.Target) || product.Core && windows.SameEdition(edition, p.Target)
	}
	if same(from) {
		return r, false, nil
	}
	pending := slices.DeleteFunc(m.pendingReboot(), func(reason string) bool { return reason == "file-rename" })
	if len(pending) > 0 {
		return r, false, failure("pending-reboot", "a restart is pending (%s), with which an edition cannot be changed", strings.Join(pending, ", "))
	}
	if kind, _ := m.controlSet().Text(productOptionsKey, "ProductType"); kind == controllerKey {
		return r, false, failure("domain-controller", "the edition of a domain controller cannot be changed")
	}
	r.Targets = editionTargets(product, from)
	chosen := slices.IndexFunc(r.Targets, same)
	if chosen < 0 {
		return r, false, failure("no-target", "%s cannot become %s; it can become %s. A client's evaluation cannot be converted, and a Datacenter one becomes Datacenter only", from, p.Target, strings.Join(r.Targets, ", "))
	}
	p.Target = r.Targets[chosen]
	code := m.setEdition(product, p.Target, p.ProductKey)
	if err := m.dismLog(p); err != nil {
		return r, false, err
	}
	if code != dismRestart {
		return r, false, failure("dism", `dism.exe /Set-Edition:%s ended with %d; its log is C:\%s in the guest`, p.Target, code, dismLog)
	}
	r.ExitCode = code
	return r, true, nil
}

const dismLog = `Windows\Temp\wintemplate-dism.log`

// dismLog is the log that dism.exe was told to write, which begins with its
// command line; the script then writes over the key.
func (m *Model) dismLog(p guest.EditionConvertParameters) error {
	line := func(key string) []byte {
		return fmt.Appendf(nil, "Info DISM DISM.EXE: Executing command line: dism.exe /Online /Set-Edition:%s /ProductKey:%s /AcceptEula /Quiet /NoRestart\r\n", p.Target, key)
	}
	if err := m.disk.write(dismLog, line(p.ProductKey)); err != nil {
		return err
	}
	return m.disk.overwrite(dismLog, line(regexp.MustCompile(`[^-]`).ReplaceAllString(p.ProductKey, "*")))
}

// setEdition does `dism.exe /Online /Set-Edition: /ProductKey: /NoRestart`. The
// edition is the new one after the restart, not before.
func (m *Model) setEdition(p windows.Product, target, key string) (exit int) {
	switch {
	case !p.Server: // Microsoft, "Set-WindowsEdition": of a running Windows, servers' only
		return dismOnline
	case !windows.IsKeyForm(key) || !keyFits(key, p, target):
		return dismKey
	}
	k := m.software.Create(rebootPendingKey)
	edition := target
	if p.Core { // the registry knows it without DISM's ending
		edition = windows.BaseEdition(target)
	}
	k.Set(regf.StringValue(editionValue, edition))
	k.Set(regf.StringValue(productValue, p.Name+" "+strings.TrimPrefix(edition, "Server")))
	k.Set(regf.StringValue(partialValue, partial(key)))
	k.Set(regf.StringValue(channelValue, channelOf(key, p, target)))
	return dismRestart
}

// finishEdition is the restart's part of it.
func (m *Model) finishEdition() {
	k := m.software.Open(rebootPendingKey)
	if k == nil {
		return
	}
	edition, ok := k.Text("", editionValue)
	if !ok {
		return
	}
	name, _ := k.Text("", productValue)
	key, _ := k.Text("", partialValue)
	channel, _ := k.Text("", channelValue)
	m.software.SetString(versionKey, "EditionID", edition)
	m.software.SetString(versionKey, "ProductName", name)
	m.setLicense(key, channel, statusNotification)
}

func licensing(method string, code uint32) error {
	return failure("licensing", "%s failed with 0x%08X; is the key one of this edition, and does the KMS host answer?", method, code)
}

func (m *Model) activation(ctx context.Context, _ caller, p guest.ActivationParameters) (guest.ActivationResult, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var r guest.ActivationResult
	if p.ProductKey != "" {
		if err := m.installProductKey(p.ProductKey); err != nil {
			return r, false, err
		}
	}
	if p.KMSHost != "" {
		m.software.SetString(rearmKey, "KeyManagementServiceName", p.KMSHost)
		if p.KMSPort != 0 {
			m.software.SetString(rearmKey, "KeyManagementServicePort", strconv.Itoa(p.KMSPort))
		}
	}
	if _, ok := m.software.Text(rearmKey, partialValue); !ok {
		return r, false, failure("no-key", "Windows has no product key; give product_key")
	}
	if p.Activate {
		if code := m.activateNow(ctx); code != 0 {
			return r, false, licensing("Activate", code)
		}
		m.software.SetDWord(rearmKey, statusValue, statusLicensed)
	}
	status, _ := m.software.Number(rearmKey, statusValue)
	r.LicenseStatus = int(status)
	r.PartialKey, _ = m.software.Text(rearmKey, partialValue)
	r.Channel, _ = m.software.Text(rearmKey, channelValue)
	return r, false, nil
}

// installProductKey: an evaluation takes no key but by a change of its edition
// (Microsoft, "Upgrade and conversion options for Windows Server").
func (m *Model) installProductKey(key string) error {
	product, edition, err := m.product()
	if err != nil {
		return err
	}
	switch {
	case !windows.IsKeyForm(key):
		return licensing("InstallProductKey", invalidKey)
	case windows.IsEvaluation(edition) || !keyFits(key, product, edition):
		return licensing("InstallProductKey", otherEdition)
	}
	m.setLicense(partial(key), channelOf(key, product, edition), statusNotification)
	return nil
}

// activateNow asks the KMS host, which is there when its port takes a
// connection; whether it has enough clients (0xC004F038) is not played. Any
// other key asks Microsoft, whom no stand-in reaches. The lock is let go
// meanwhile.
func (m *Model) activateNow(ctx context.Context) (code uint32) {
	if channel, _ := m.software.Text(rearmKey, channelValue); channel != channelKMS {
		return noMicrosoft
	}
	host, _ := m.software.Text(rearmKey, "KeyManagementServiceName")
	if host == "" {
		return noKMSRecord
	}
	port, ok := m.software.Text(rearmKey, "KeyManagementServicePort")
	if !ok {
		port = strconv.Itoa(kmsPort)
	}
	m.mu.Unlock()
	defer m.mu.Lock()
	dialer := net.Dialer{Timeout: kmsDialing}
	c, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		m.host.Logf("KMS host: %v", err)
		return noKMS
	}
	_ = c.Close()
	return 0
}
