namespace Serving.Episodes;

/// <summary>What stands at a place where a frame should begin.</summary>
internal enum FrameState
{
    Whole,

    /// <summary>The file ends here, cleanly.</summary>
    End,

    /// <summary>A group that is still being written, or whose writer died: nothing from here on counts.</summary>
    Uncommitted,
    TruncatedHeader,
    LengthChecksum,
    TruncatedPayload,
    PayloadChecksum,

    /// <summary>A good header that announces more than one array can hold.</summary>
    Oversized,
}
