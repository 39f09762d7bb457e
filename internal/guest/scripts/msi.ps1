# Looks at the file and at those beside it. Whom Windows trusts is not changed here: the first logon of this plugin's
# builders trusts the drivers ISO's signers (bootstrap.ps1).
function Confirm-Package($Package) {
    foreach ($file in @($Package) + @($Package.beside)) {
        if (-not (Test-Path -LiteralPath $file.path)) {
            Stop-Operation -Code 'not-found' -Message "$($file.path) is not there; is the disc still in the drive?"
        }
        $hash = Get-Sha256 -Path $file.path
        if ($file.sha256 -ne '' -and $hash -ne $file.sha256) {
            Stop-Operation -Code 'digest' -Message "$($file.path) has SHA-256 $hash, expected $($file.sha256)"
        }
    }
}

# Runs one .msi; gives exit code, log and whether a restart is asked for.
function Install-Package($Package, [string]$LogName) {
    Confirm-Package -Package $Package
    $log = "$env:SystemRoot\Temp\wintemplate-$LogName.log"
    $arguments = @('/i', "`"$($Package.path)`"", '/qn', '/norestart', '/l*v', "`"$log`"") + @($Package.properties)
    $limit = [int]$Package.timeout_seconds
    for ($try = 0; ; $try++) {
        $code = Invoke-Program -File 'msiexec.exe' -Arguments $arguments -TimeoutSeconds $limit
        # 1618: another installation holds the Windows Installer, as updates do after the first logon.
        if ($code -ne 1618 -or $try -ge 20) { break }
        Start-Sleep -Seconds 15
    }
    if ($code -notin 0, 3010, 1641) {
        $tail = ''
        if (Test-Path -LiteralPath $log) { $tail = @(Get-Content -LiteralPath $log -Tail 40) -join "`n" }
        Stop-Operation -Code 'msi' -Message "msiexec.exe ended with $code for $($Package.path); its log is $log in the guest" -Detail $tail
    }
    @{ exit_code = $code; log = $log; reboot = ($code -in 3010, 1641) }
}
