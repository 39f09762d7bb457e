# Overwrites a product key in a log where it lies, in one byte a letter or two.
function Hide-Key([string]$Path, [string]$Key) {
    $stream = (Get-Item -LiteralPath $Path).Open('Open', 'ReadWrite', 'ReadWrite')
    try {
        $bytes = New-Object -TypeName byte[] -ArgumentList ([int]$stream.Length)
        $count = $stream.Read($bytes, 0, $bytes.Length)
        # Code page 28591 has a character for each byte.
        $latin = [Text.Encoding]::GetEncoding(28591)
        $text = $latin.GetString($bytes, 0, $count)
        foreach ($form in $Key, ($Key.ToCharArray() -join "`0")) {
            $mask = $latin.GetBytes(($form -replace '[^-\0]', '*'))
            for ($at = 0; ($at = $text.IndexOf($form, $at, [StringComparison]::OrdinalIgnoreCase)) -ge 0; $at += $form.Length) {
                $null = $stream.Seek($at, 'Begin')
                $stream.Write($mask, 0, $mask.Length)
            }
        }
        $stream.Flush($true)
    } finally {
        $stream.Dispose()
    }
}

# DISM's own processes may hold the log for a moment longer. One that stays held is left to the seal, which overwrites it.
function Hide-KeyOfLog([string]$Path, [string]$Key) {
    for ($try = 0; $try -lt 5 -and $Key -ne '' -and (Test-Path -LiteralPath $Path); $try++) {
        try { Hide-Key -Path $Path -Key $Key; return } catch { Write-Verbose -Message "$_"; Start-Sleep -Seconds 2 }
    }
}

$version = 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion'
$from = [string](Get-RegistryValue -Key $version -Name 'EditionID' -Default '')
# Where there is no desktop, DISM calls ServerStandardCor what the registry calls ServerStandard.
$core = [string](Get-RegistryValue -Key $version -Name 'InstallationType' -Default '') -eq 'Server Core'
function Test-SameEdition([string]$One, [string]$Other) {
    $One -eq $Other -or ($core -and ($One -replace '(?<=^Server.+)Core?$') -eq ($Other -replace '(?<=^Server.+)Core?$'))
}
if (Test-SameEdition $from $Parameters.target) { return Complete-Operation -Result @{ from = $from; exit_code = 0; targets = @() } }
$pending = @(Get-PendingReboot | Where-Object { $_ -ne 'file-rename' })
if ($pending.Count -gt 0) { Stop-Operation -Code 'pending-reboot' -Message "a restart is pending ($($pending -join ', ')), with which an edition cannot be changed" }
if ([int](Get-CimInstance -ClassName Win32_ComputerSystem).DomainRole -ge 4) { Stop-Operation -Code 'domain-controller' -Message 'the edition of a domain controller cannot be changed' }
$targets = @(Get-WindowsEdition -Online -Target | ForEach-Object { "$($_.Edition)" })
$target = $targets | Where-Object { Test-SameEdition $_ $Parameters.target } | Select-Object -First 1
if (-not $target) {
    Stop-Operation -Code 'no-target' -Message "$from cannot become $($Parameters.target); it can become $($targets -join ', '). A client's evaluation cannot be converted, and a Datacenter one becomes Datacenter only"
}
# DISM takes the key on its command line only (Set-WindowsEdition has no -ProductKey, windows-powershell-docs#1090), and
# begins its log with that line. So it gets a log of its own, whose name is one that the seal overwrites.
$log = "$env:SystemRoot\Temp\wintemplate-dism.log"
$arguments = @('/Online', "/Set-Edition:$target", "/ProductKey:$($Parameters.product_key)", '/AcceptEula', '/Quiet', '/NoRestart', "/LogPath:$log")
try {
    $code = Invoke-Program -File 'dism.exe' -Arguments $arguments -TimeoutSeconds $Parameters.timeout_seconds
} finally {
    Hide-KeyOfLog -Path $log -Key $Parameters.product_key
}
if ($code -notin 0, 3010) { Stop-Operation -Code 'dism' -Message "dism.exe /Set-Edition:$target ended with $code; its log is $log in the guest" }
Complete-Operation -Reboot $true -Result @{ from = $from; exit_code = $code; targets = $targets }
