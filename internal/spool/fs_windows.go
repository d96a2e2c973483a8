package spool

// SyncDir does nothing: Windows cannot sync a directory; NTFS journals names.
func (OS) SyncDir(string) error { return nil }
