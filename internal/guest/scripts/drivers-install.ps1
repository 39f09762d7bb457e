# Puts one driver package into the driver store and onto the devices that it is for.
function Install-DriverPackage($Package) {
    Confirm-Package -Package $Package
    $log = "$env:SystemRoot\INF\setupapi.dev.log"
    $file = "`"$($Package.path)`""
    $arguments = '/add-driver', $file, '/install'
    # pnputil has these words from Windows 10 1607 and Server 2016 on; before, it had letters.
    $build = [int](Get-RegistryValue -Key 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion' -Name 'CurrentBuildNumber' -Default 0)
    if ($build -lt 14393) { $arguments = '-i', '-a', $file }
    $code = Invoke-Program -File 'pnputil.exe' -Arguments $arguments -TimeoutSeconds ([int]$Package.timeout_seconds)
    # 259 (no more items): it is in the store, and no device here wants it or each has one as good.
    if ($code -notin 0, 259, 3010, 1641) {
        $number = '0x{0:X8}' -f $code
        $cause = ''
        # SPAPI's and WinVerifyTrust's errors about signatures (setupapi.h, winerror.h): nobody is there to be asked.
        if ($number -match '^0x(E00002(2F|3F|4[0-5B])|800B....)$') {
            $cause = ': Windows does not trust the signature of the package. Take the drivers of a released virtio-win ISO; the certificate of another signer must be in TrustedPublisher'
        }
        $tail = ''
        if (Test-Path -LiteralPath $log) { $tail = @(Get-Content -LiteralPath $log -Tail 40) -join "`n" }
        Stop-Operation -Code 'pnputil' -Message "pnputil.exe ended with $code ($number) for $($Package.path)$cause; its log is $log in the guest" -Detail $tail
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
