using System.Buffers;

namespace Serving.Episodes;

/// <summary>A sealed frame in a pooled array; whoever holds it last calls <see cref="Return"/>.</summary>
public readonly record struct EncodedFrame(byte[] Buffer, int Start, int Length)
{
    public Memory<byte> Memory => Buffer.AsMemory(Start, Length);

    public int PayloadBytes => Length - TfRecord.FramingBytes;

    public void Return() => ArrayPool<byte>.Shared.Return(Buffer);
}
