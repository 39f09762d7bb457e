# Takes a device and what Windows remembers of it away, also one that is gone. Gives 0 or an error's number.
function Remove-Device([string]$InstanceId) {
    $build = [int](Get-RegistryValue -Key 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion' -Name 'CurrentBuildNumber' -Default 0)
    if ($build -lt 19041) { return Uninstall-Device -InstanceId $InstanceId }
    # pnputil has /remove-device from Windows 10 2004 on. 3010: at the next restart.
    $code = Invoke-Program -File 'pnputil.exe' -Arguments '/remove-device', "`"$InstanceId`"" -TimeoutSeconds 120
    if ($code -eq 3010) { return 0 }
    $code
}

# Before that only programs of a driver kit do it, or SetupAPI, which they call: DiUninstallDevice.
function Uninstall-Device([string]$InstanceId) {
    $source = @'
using System;
using System.Runtime.InteropServices;
using System.Text;

public static class WintemplateDevice
{
    // Public, since the compiler warns of a hidden one whose members it sees nobody set (CS0649).
    [StructLayout(LayoutKind.Sequential)]
    public struct Info { public int Size; public Guid Class; public uint Instance; public IntPtr Reserved; }

    [DllImport("setupapi.dll", SetLastError = true, EntryPoint = "SetupDiGetClassDevsW", CharSet = CharSet.Unicode)]
    static extern IntPtr GetClassDevs(ref Guid type, string enumerator, IntPtr window, uint flags);
    [DllImport("setupapi.dll", SetLastError = true, EntryPoint = "SetupDiEnumDeviceInfo")]
    static extern bool EnumDeviceInfo(IntPtr list, uint index, ref Info info);
    [DllImport("setupapi.dll", SetLastError = true, EntryPoint = "SetupDiGetDeviceInstanceIdW", CharSet = CharSet.Unicode)]
    static extern bool GetInstanceId(IntPtr list, ref Info info, StringBuilder id, int size, out int needed);
    [DllImport("setupapi.dll", SetLastError = true, EntryPoint = "SetupDiDestroyDeviceInfoList")]
    static extern bool DestroyList(IntPtr list);
    [DllImport("newdev.dll", SetLastError = true)]
    static extern bool DiUninstallDevice(IntPtr window, IntPtr list, ref Info info, uint flags, out bool restart);

    // Network adapters, of which no flag leaves out those that are gone.
    public static int Uninstall(string instance)
    {
        Guid net = new Guid("4d36e972-e325-11ce-bfc1-08002be10318");
        IntPtr list = GetClassDevs(ref net, null, IntPtr.Zero, 0);
        if (list == new IntPtr(-1)) { return Marshal.GetLastWin32Error(); }
        try
        {
            Info info = new Info();
            info.Size = Marshal.SizeOf(typeof(Info));
            for (uint i = 0; EnumDeviceInfo(list, i, ref info); i++)
            {
                StringBuilder id = new StringBuilder(512);
                int needed;
                if (!GetInstanceId(list, ref info, id, id.Capacity, out needed)) { continue; }
                if (!string.Equals(id.ToString(), instance, StringComparison.OrdinalIgnoreCase)) { continue; }
                bool restart;
                return DiUninstallDevice(IntPtr.Zero, list, ref info, 0, out restart) ? 0 : Marshal.GetLastWin32Error();
            }
            return 1168; // ERROR_NOT_FOUND
        }
        finally { DestroyList(list); }
    }
}
'@
    # 5.1 takes a warning of the compiler for an error.
    Add-Type -TypeDefinition $source -IgnoreWarnings
    [WintemplateDevice]::Uninstall($InstanceId) # check: allow WintemplateDevice Add-Type has just made it
}

# Network adapters on the PCI bus that are there, or that are not.
function Get-NetworkDevice([bool]$Present) {
    @(Get-PnpDevice -Class 'Net' -ErrorAction SilentlyContinue | Where-Object { [bool]$_.Present -eq $Present -and "$($_.InstanceId)" -like 'PCI\*' } | ForEach-Object { "$($_.InstanceId)" })
}
