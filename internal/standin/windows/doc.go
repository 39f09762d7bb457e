// Package windows is a stand-in for Microsoft Windows: installation media
// and a virtual machine's guest that behave like Windows Setup and Windows
// as far as a template build can notice.
//
// It is real where a build touches it. The media are UDF discs with El
// Torito boot images, an install.wim and a virtio driver disc; the guest is
// a Linux kernel with one Go program as its first process, which reads
// Autounattend.xml as strictly as Setup does, partitions and formats the
// disk, writes NTFS with registry hives, restarts from that disk, serves
// WinRM over TLS and seals itself.
//
// It is not Windows. It contains no code of Microsoft's and runs no
// PowerShell, no cmd.exe, no msiexec: a script that is byte for byte the
// plugin's own is answered from a model of Windows' state (package model),
// any other is refused. That a build passes here proves that the plugin's
// media, answer files, protocol and disk checks fit the documented rules
// that this package enforces; it does not prove that Microsoft's binaries
// agree.
//
// Nothing outside tests and the demo's media maker imports this package or
// its children, and no released binary contains them.
package windows
