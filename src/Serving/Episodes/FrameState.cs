namespace Serving.Episodes;

/// <summary>What stands at a place where a frame should begin.</summary>
public enum FrameState
{
    /// <summary>A frame whose length and payload have the CRCs that belong to them.</summary>
    Whole,

    /// <summary>The file ends here, cleanly.</summary>
    End,

    /// <summary>A group that is still being written, or whose writer died: nothing from here on counts.</summary>
    Uncommitted,

    /// <summary>The file ends within the header.</summary>
    TruncatedHeader,

    /// <summary>The length and its CRC do not belong together.</summary>
    LengthChecksum,

    /// <summary>The file ends before the record does.</summary>
    TruncatedPayload,

    /// <summary>The payload and its CRC do not belong together.</summary>
    PayloadChecksum,

    /// <summary>A good header that announces more than one array can hold.</summary>
    Oversized,
}
