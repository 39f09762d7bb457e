package answerfile

import (
	"bytes"
	_ "embed" // bootstrap.ps1
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
)

//go:embed bootstrap.ps1
var bootstrapScript []byte

// BootstrapScript is the script for BootstrapPath, with Windows' line ends.
func BootstrapScript() []byte { return crlf(bootstrapScript) }

func crlf(text []byte) []byte {
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	return bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))
}

// Paths on the answer disc, with slashes, as they are given to the disc's
// writer. The script finds the disc by BootstrapPath.
const (
	AutounattendPath        = "Autounattend.xml"
	BootstrapPath           = "wintemplate/bootstrap.ps1"
	BootstrapParametersPath = "wintemplate/bootstrap.json"
	CertificatePath         = "wintemplate/winrm.pfx"
	ManifestPath            = "wintemplate/manifest.json"
)

// BootstrapVersion is the version of BootstrapParameters and of the marker
// that this package writes; the script refuses any other.
const BootstrapVersion = 1

// Places in the guest.
const (
	// GuestFolder is the build's own folder; the seal removes it.
	GuestFolder = `C:\ProgramData\wintemplate`
	// BootstrapLog is the transcript of the bootstrap.
	BootstrapLog = GuestFolder + `\bootstrap.log`
	// BootstrapMarker is written last of all, as BootstrapDone in JSON.
	BootstrapMarker = GuestFolder + `\bootstrap.done`
	// BootstrapBeforePath holds what the bootstrap found before it changed
	// it, as BootstrapBefore in JSON, for the seal to put back.
	BootstrapBeforePath = GuestFolder + `\bootstrap.before.json`
	// WinRMFirewallRule is the name of the rule that lets Packer in.
	WinRMFirewallRule = "wintemplate-winrm"
	// WinRMPort is the port of the one listener.
	WinRMPort = 5986
)

// BootstrapParameters is wintemplate/bootstrap.json: what the bootstrap script
// does at the first logon. All paths are relative to the disc's root, with
// slashes.
type BootstrapParameters struct {
	// Version is BootstrapVersion.
	Version int `json:"version"`
	// BuildID names the build, in the marker and the log.
	BuildID string `json:"build_id"`
	// ManifestSHA256 is the hex digest of wintemplate/manifest.json, which
	// holds every other file's. That manifest must not list bootstrap.json.
	ManifestSHA256 string `json:"manifest_sha256"`
	// Server is true on server products.
	Server bool `json:"server"`
	// Account names the account that logs on.
	Account string `json:"account"`
	// Certificate is the listener's.
	Certificate BootstrapCertificate `json:"certificate"`
	// TrustedPublishers are certificates (.cer) to trust before the drivers
	// are installed.
	TrustedPublishers []DiscFile `json:"trusted_publishers"`
	// Installers run in this order, before the network is looked at.
	Installers []Installer `json:"installers"`
	// Network bounds the waiting for a network adapter.
	Network BootstrapNetwork `json:"network"`
	// WinRM is the service's configuration.
	WinRM BootstrapWinRM `json:"winrm"`
	// Proxy is the machine's; nil for none.
	Proxy *BootstrapProxy `json:"proxy,omitempty"`
	// Commands are the user's own, run by cmd.exe in order after the
	// installers; each must end with 0 or 3010.
	Commands []string `json:"commands"`
}

// DiscFile is a file of the disc with its digest.
type DiscFile struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"` // hex, lower case
}

// BootstrapCertificate is the certificate that WinRM listens with.
type BootstrapCertificate struct {
	// Path of the PFX (PBE-SHA1-3DES: Server 2016 reads nothing newer).
	Path string `json:"path"`
	// Password of the PFX.
	Password string `json:"password"`
	// SHA256 is the hex digest of the leaf certificate's DER, by which the
	// script recognises what it imported and the host what it connects to.
	SHA256 string `json:"certificate_sha256"`
}

// Stages of the bootstrap's installers, as their beacons name them.
const (
	StageDrivers = "drivers"
	StageAgent   = "agent"
)

// Installer is one MSI or EXE of the disc.
type Installer struct {
	// Stage is StageDrivers or StageAgent.
	Stage string `json:"stage"`
	DiscFile
	// Arguments follow the file: an .msi is run as
	// `msiexec.exe /i FILE /qn /norestart /l*v LOG ARGUMENTS`.
	Arguments []string `json:"arguments"`
	// SuccessCodes are the exit codes that mean success; 0, 3010 and 1641 when
	// empty.
	SuccessCodes []int `json:"success_codes"`
	// Services must exist afterwards.
	Services []string `json:"services"`
	// TimeoutSeconds bounds the run; 1800 when 0.
	TimeoutSeconds int `json:"timeout_seconds"`
}

// BootstrapNetwork bounds the waiting for the network.
type BootstrapNetwork struct {
	// WaitSeconds is how long an adapter with an address is awaited; 600 when 0.
	WaitSeconds int `json:"wait_seconds"`
}

// BootstrapWinRM is the configuration of the service.
type BootstrapWinRM struct {
	Port                 int    `json:"port"`                    // WinRMPort when 0
	FirewallRule         string `json:"firewall_rule"`           // WinRMFirewallRule when empty
	MaxTimeoutMS         int    `json:"max_timeout_ms"`          // 1800000 when 0
	MaxMemoryPerShellMB  int    `json:"max_memory_per_shell_mb"` // 2048 when 0
	MaxProcessesPerShell int    `json:"max_processes_per_shell"` // 200 when 0
	MaxShellsPerUser     int    `json:"max_shells_per_user"`     // 100 when 0
}

// BootstrapProxy is the proxy of WinHTTP and of the machine's users.
type BootstrapProxy struct {
	Server string   `json:"server"`
	Bypass []string `json:"bypass"`
}

// BootstrapDone is the marker's content.
type BootstrapDone struct {
	Version        int    `json:"version"`
	BuildID        string `json:"build_id"`
	ManifestSHA256 string `json:"manifest_sha256"`
}

// BootstrapBefore is what the bootstrap found before it changed it.
type BootstrapBefore struct {
	Version int `json:"version"`
	// WinRMStart and WinRMDelayed are the service's Start and
	// DelayedAutostart: 2 automatic, 3 manual, 4 disabled.
	WinRMStart   int  `json:"winrm_start"`
	WinRMDelayed bool `json:"winrm_delayed"`
	// WSMan holds values by their path below WSMan:\localhost, such as
	// `Shell\MaxMemoryPerShellMB`.
	WSMan map[string]string `json:"wsman"`
}

// NewBootstrapParameters are the parameters that follow from the answers:
// account, proxy and the user's commands. The caller adds what it put on the
// disc: certificate, installers, publishers and the manifest's digest.
func NewBootstrapParameters(a Answers, buildID string) (BootstrapParameters, error) {
	account, _, err := a.LogonAccount()
	if err != nil {
		return BootstrapParameters{}, err
	}
	p := BootstrapParameters{
		Version: BootstrapVersion, BuildID: buildID, Server: a.Product.Server, Account: account, Commands: a.FirstLogonCommands,
	}
	if a.Proxy != nil {
		p.Proxy = &BootstrapProxy{Server: a.Proxy.Server, Bypass: a.Proxy.Bypass}
	}
	return p, nil
}

var sha256Form = regexp.MustCompile(`^[0-9a-f]{64}$`)

// Encode checks the parameters and writes them for BootstrapParametersPath.
func (p BootstrapParameters) Encode() ([]byte, error) {
	var wrong problems
	if p.Version != BootstrapVersion {
		wrong.add("version", "%d; this package writes %d", p.Version, BootstrapVersion)
	}
	if p.BuildID == "" {
		wrong.add("build_id", "missing")
	}
	if !sha256Form.MatchString(p.ManifestSHA256) {
		wrong.add("manifest_sha256", "%q is no SHA-256 in lower-case hex", p.ManifestSHA256)
	}
	if p.Certificate.Path == "" || p.Certificate.Password == "" {
		wrong.check(errors.New("certificate: path and password are needed; Windows imports no PFX without a password"))
	}
	if !sha256Form.MatchString(p.Certificate.SHA256) {
		wrong.add("certificate_sha256", "%q is no SHA-256 in lower-case hex", p.Certificate.SHA256)
	}
	for i, installer := range p.Installers {
		field := fmt.Sprintf("installers[%d]", i)
		if installer.Stage != StageDrivers && installer.Stage != StageAgent {
			wrong.add(field, "stage %q; it is %q or %q", installer.Stage, StageDrivers, StageAgent)
		}
		checkDiscFile(&wrong, field, installer.DiscFile)
	}
	for i, file := range p.TrustedPublishers {
		checkDiscFile(&wrong, fmt.Sprintf("trusted_publishers[%d]", i), file)
	}
	if err := wrong.err(); err != nil {
		return nil, err
	}
	data, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(data, '\n'), nil
}

func checkDiscFile(wrong *problems, field string, file DiscFile) {
	if file.Path == "" || !sha256Form.MatchString(file.SHA256) {
		wrong.add(field, "path %q and SHA-256 %q in lower-case hex are both needed", file.Path, file.SHA256)
	}
}

// ParseBootstrapParameters reads what Encode wrote; an unknown member or
// another version is an error.
func ParseBootstrapParameters(data []byte) (BootstrapParameters, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	var p BootstrapParameters
	if err := decoder.Decode(&p); err != nil {
		return p, fmt.Errorf("%s: %w", BootstrapParametersPath, err)
	}
	if p.Version != BootstrapVersion {
		return p, fmt.Errorf("%s has version %d, this plugin reads %d", BootstrapParametersPath, p.Version, BootstrapVersion)
	}
	return p, nil
}
