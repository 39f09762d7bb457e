# Puts one driver package into the driver store and onto the devices that it is for.
function Install-DriverPackage($Package) {
    Confirm-Package -Package $Package
    $log = "$env:SystemRoot\INF\setupapi.dev.log"
    $code = Invoke-Program -File 'pnputil.exe' -Arguments '/add-driver', "`"$($Package.path)`"", '/install' -TimeoutSeconds ([int]$Package.timeout_seconds)
    # 259 (no more items): it is in the store, and no device here wants it or each has one as good.
    if ($code -notin 0, 259, 3010, 1641) {
        Stop-Operation -Code 'pnputil' -Message "pnputil.exe /add-driver ended with $code for $($Package.path); its log is $log in the guest"
    }
    @{ exit_code = $code; log = $log; reboot = ($code -in 3010, 1641) }
}

Send-Beacon -Stage 'guest.drivers.install' -State 'start'
if ($Parameters.path -like '*.inf') {
    $r = Install-DriverPackage -Package $Parameters
} else {
    $r = Install-Package -Package $Parameters -LogName 'virtio-win'
}
Send-Beacon -Stage 'guest.drivers.install' -State 'ok'
Complete-Operation -Reboot $r.reboot -Result @{
    exit_code = $r.exit_code
    log       = $r.log
    version   = (Get-InstalledVersion -Product 'Virtio-win-driver-installer')
}
