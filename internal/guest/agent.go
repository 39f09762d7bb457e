package guest

import "time"

// Service is one Windows service.
type Service struct {
	Name    string `json:"name"`
	Present bool   `json:"present"`
	Running bool   `json:"running"`
	Start   int    `json:"start"` // 2 automatic, 3 manual, 4 disabled; -1 when absent
}

// AgentVerifyResult tells how the QEMU guest agent stands.
type AgentVerifyResult struct {
	OK       bool      `json:"ok"`
	Version  string    `json:"version"`  // empty: not installed
	Services []Service `json:"services"` // QEMU-GA, QEMU Guest Agent VSS Provider
	Problems []string  `json:"problems"`
}

// AgentVerify looks at the QEMU guest agent and changes nothing.
var AgentVerify = define[None, AgentVerifyResult]("agent.verify", 3*time.Minute, true, "agent-verify")

// AgentInstall runs qemu-ga-x86_64.msi, detached.
var AgentInstall = define[InstallParameters, InstallResult]("agent.install", 20*time.Minute, false, "msi", "agent-install")
