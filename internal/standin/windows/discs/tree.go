package discs

// windowsTree is the content of every image of install.wim: the folders that
// a build looks at, boot programs, and the stand-in's own kernel where
// Windows has its own.
func windowsTree(l *loaders, kernelImage, initrd []byte) map[string][]byte {
	files := map[string][]byte{
		"Windows/System32/ntoskrnl.exe":                          kernelImage,
		"Windows/System32/standin.img":                           initrd,
		"Windows/Boot/EFI/bootmgfw.efi":                          l.DiskEFI,
		"Windows/Boot/PCAT/bootmgr":                              []byte("stand-in bootmgr\r\n"),
		"Windows/Boot/PCAT/standin.mbr":                          l.DiskMBR,
		"Windows/System32/Sysprep/sysprep.exe":                   peStub("sysprep.exe"),
		"Windows/System32/Recovery/winre.wim":                    []byte("stand-in recovery image\r\n"),
		"Windows/System32/WindowsPowerShell/v1.0/powershell.exe": peStub("powershell.exe"),
		"Windows/INF/.keep":                                      nil,
		"Windows/Panther/.keep":                                  nil,
		"Windows/Setup/State/State.ini":                          []byte("[State]\r\nImageState=\"IMAGE_STATE_UNDEPLOYABLE\"\r\n"),
		"Windows/Temp/.keep":                                     nil,
		"Windows/System32/DriverStore/FileRepository/.keep":      nil,
		"Windows/System32/config/.keep":                          nil,
		"Program Files/Common Files/.keep":                       nil,
		"Program Files (x86)/.keep":                              nil,
		"ProgramData/Microsoft/Crypto/RSA/MachineKeys/.keep":     nil,
		"Users/Default/.keep":                                    nil,
		"Users/Public/.keep":                                     nil,
	}
	for _, name := range []string{"cmd.exe", "reg.exe", "msiexec.exe", "winload.exe", "winload.efi", "bcdboot.exe", "hal.dll"} {
		files["Windows/System32/"+name] = peStub(name)
	}
	for _, name := range []string{"storahci.sys", "disk.sys", "ntfs.sys", "e1i68x64.sys"} {
		files["Windows/System32/drivers/"+name] = peStub(name)
	}
	return files
}
