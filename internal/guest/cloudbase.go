package guest

import "time"

// CloudbaseInstallResult tells what was installed.
type CloudbaseInstallResult struct {
	ExitCode int    `json:"exit_code"`
	Log      string `json:"log"`     // path in the guest
	Version  string `json:"version"` // 1.1.8
	Folder   string `json:"folder"`  // C:\Program Files\Cloudbase Solutions\Cloudbase-Init
	// ServiceStart is the service's Start value after the operation: 4.
	ServiceStart int `json:"service_start"`
}

// CloudbaseInstall runs CloudbaseInitSetup_x64.msi and disables its service in
// the same script: the MSI registers it to start automatically, so that the
// next reboot of the build would run it. Run detached.
var CloudbaseInstall = define[InstallParameters, CloudbaseInstallResult]("cloudbase.install", 45*time.Minute, false, "msi", "cloudbase-install")

// CloudbaseConfigureParameters are the texts of both conf files.
type CloudbaseConfigureParameters struct {
	Conf         string `json:"conf"`          // conf\cloudbase-init.conf
	UnattendConf string `json:"unattend_conf"` // conf\cloudbase-init-unattend.conf
}

// CloudbaseConfigureResult is what lies on the disk afterwards.
type CloudbaseConfigureResult struct {
	ConfPath           string `json:"conf_path"`
	ConfSHA256         string `json:"conf_sha256"`
	UnattendConfPath   string `json:"unattend_conf_path"`
	UnattendConfSHA256 string `json:"unattend_conf_sha256"`
	ServiceStart       int    `json:"service_start"` // 4
	// LogBytes is the size of cloudbase-init.log: above 0 it has run here.
	LogBytes int64 `json:"log_bytes"`
}

// CloudbaseConfigure writes both conf files and asserts that the service is
// disabled.
var CloudbaseConfigure = define[CloudbaseConfigureParameters, CloudbaseConfigureResult]("cloudbase.configure", 5*time.Minute, true, "cloudbase-configure")

// CloudbaseVerifyResult tells how cloudbase-init stands.
type CloudbaseVerifyResult struct {
	Installed    bool   `json:"installed"`
	Version      string `json:"version"`
	ServiceStart int    `json:"service_start"` // -1 when there is no service
	LogBytes     int64  `json:"log_bytes"`
	Conf         string `json:"conf"`          // text of conf\cloudbase-init.conf
	UnattendConf string `json:"unattend_conf"` // text of conf\cloudbase-init-unattend.conf
}

// CloudbaseVerify looks at cloudbase-init and changes nothing.
var CloudbaseVerify = define[None, CloudbaseVerifyResult]("cloudbase.verify", 3*time.Minute, true, "cloudbase-verify")
