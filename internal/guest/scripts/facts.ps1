Stop-Operation -Code 'not-yet' -Message 'facts is not there yet'
