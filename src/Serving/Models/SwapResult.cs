namespace Serving.Models;

/// <summary>What became of an attempt to load a version.</summary>
public enum SwapResult
{
    /// <summary>It was refused before and has not changed since.</summary>
    Unchanged,

    /// <summary>It is in memory, warmed and tested.</summary>
    Loaded,

    /// <summary>It is damaged, does not fit or does not load; the version in use stays. Tried again when its folder changes.</summary>
    Refused,

    /// <summary>Too many older versions are still in use; tried again at the next look.</summary>
    Deferred,

    /// <summary>The version in use had no time to be compared with; tried again at the next look.</summary>
    Busy,
}
