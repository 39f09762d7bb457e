// Package guest runs typed operations in a running Windows.
//
// An operation is a PowerShell 5.1 script that is embedded here, a struct of
// parameters and a struct for its result. It is run by one constant launcher
// (see Launcher), which reads name, parameters and script from its standard
// input: nothing of a build ever stands on a command line, where cmd.exe's
// 8,191 characters would end it and every process listing would show it. The
// answer is one line of base64, since code pages differ on Korean and Japanese
// Windows.
//
// Long work, and whatever must outlive the connection (the MSI that drops the
// network adapter, sysprep), runs detached as a SYSTEM task that leaves its
// result in a file; see Session.Detached. Nothing here knows Packer.
package guest
