# The letters of the drives that hold a disc; D: is not always the answer disc.
function Get-Disc {
    foreach ($d in @(Get-CimInstance -ClassName Win32_LogicalDisk -Filter 'DriveType = 5')) {
        if ($null -ne $d.Size -and [long]$d.Size -gt 0) { "$($d.DeviceID)\" }
    }
}

function Find-Match([string[]]$Names, [string[]]$Patterns) {
    foreach ($pattern in $Patterns) {
        foreach ($name in $Names) { if ($name -like $pattern) { return $name } }
    }
}

$patterns = @($Parameters.patterns)
if ($Parameters.manifest_sha256 -eq '' -and $Parameters.sha256 -eq '') {
    Stop-Operation -Code 'unpinned' -Message "there is neither a manifest of the disc nor a SHA-256 to know $($patterns -join ', ') by"
}
$discs = @(Get-Disc)
$answer = @{ found = $false; path = ''; name = ''; size = 0; sha256 = ''; searched = $discs; beside = @(); offered = @() }
foreach ($disc in $discs) {
    $want = @{}
    if ($Parameters.manifest_sha256 -ne '') {
        $manifest = "${disc}wintemplate\manifest.json"
        if (-not (Test-Path -LiteralPath $manifest)) { continue }
        if ((Get-Sha256 -Path $manifest) -ne $Parameters.manifest_sha256) { continue }
        foreach ($f in @((ConvertFrom-Json -InputObject (Get-Content -LiteralPath $manifest -Raw -Encoding UTF8)).files)) {
            if ($Parameters.sha256 -eq '' -or $f.sha256 -eq $Parameters.sha256) { $want[$f.path] = $f.sha256 }
            $answer.offered += "$($f.path)"
        }
    } else {
        $root = (Get-Item -LiteralPath $disc).FullName.TrimEnd('\', '/')
        foreach ($f in @(Get-ChildItem -LiteralPath $disc -Recurse -File -ErrorAction SilentlyContinue)) {
            $want[$f.FullName.Substring($root.Length + 1).Replace('\', '/')] = $Parameters.sha256
        }
    }
    $names = @($want.Keys | Sort-Object)
    # Without a manifest the digest decides, and the pattern only spares reading whole discs.
    while ($null -ne ($name = Find-Match -Names $names -Patterns $patterns)) {
        $names = @($names | Where-Object { $_ -ne $name })
        $path = $disc + $name.Replace('/', '\')
        if (-not (Test-Path -LiteralPath $path)) {
            Stop-Operation -Code 'disc' -Message "the disc's manifest names $name, and $path is not there"
        }
        $hash = Get-Sha256 -Path $path
        if ($hash -ne $want[$name]) {
            if ($Parameters.manifest_sha256 -eq '') { continue }
            Stop-Operation -Code 'digest' -Message "$path has SHA-256 $hash, the disc's manifest says $($want[$name])"
        }
        $answer.found = $true
        $answer.path = $path
        $answer.name = $name
        $answer.size = [long](Get-Item -LiteralPath $path).Length
        $answer.sha256 = $hash
        $folder = $name.Substring(0, $name.LastIndexOf('/') + 1)
        foreach ($n in @($want.Keys | Where-Object { $Parameters.manifest_sha256 -ne '' } | Sort-Object)) {
            if ($n -ne $name -and $n.Substring(0, $n.LastIndexOf('/') + 1) -eq $folder) {
                $answer.beside += @{ path = $disc + $n.Replace('/', '\'); sha256 = $want[$n] }
            }
        }
        break
    }
    if ($answer.found) { break }
}
Complete-Operation -Result $answer
