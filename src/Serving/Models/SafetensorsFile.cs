using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;

namespace Serving.Models;

/// <summary>
/// A memory-mapped safetensors file, checked completely when opened: header size, shapes against byte ranges, bounds, overlaps, gaps.
/// Reading is thread-safe; the mapping lives until disposed, and nothing may be read after that. The format: docs/formats.md.
/// </summary>
public sealed unsafe partial class SafetensorsFile : IDisposable
{
    private const int LengthPrefix = 8;
    private const long LargestHeader = 100_000_000;
    private const int NotNeeded = 4;         // MADV_DONTNEED

    private readonly MemoryMappedFile _map;
    private readonly MemoryMappedViewAccessor _view;
    private readonly byte* _start;

    private SafetensorsFile(string path, MemoryMappedFile map, MemoryMappedViewAccessor view, IReadOnlyDictionary<string, TensorEntry> tensors)
    {
        Path = path;
        Tensors = tensors;
        _map = map;
        _view = view;
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _start);
    }

    public string Path { get; }

    /// <summary>Every tensor by name.</summary>
    public IReadOnlyDictionary<string, TensorEntry> Tensors { get; }

    /// <exception cref="SafetensorsException">The file breaks the format.</exception>
    public static SafetensorsFile Open(string path)
    {
        if (!File.Exists(path))
        {
            throw new SafetensorsException($"{path}: no such file.");
        }

        try
        {
            return Map(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SafetensorsException($"{path}: cannot be read ({e.Message}).");
        }
    }

    /// <exception cref="ModelWeightsException">There is no such tensor.</exception>
    /// <exception cref="SafetensorsException">Its dtype is none of F32, F16 and BF16; such a tensor may be there, but nobody can use it.</exception>
    public TensorEntry Find(string name)
    {
        var entry = Tensors.TryGetValue(name, out var found) ? found : throw new ModelWeightsException($"{Path}: tensor \"{name}\" is missing.");
        return TensorTypes.IsWeight(entry.DType)
            ? entry
            : throw new SafetensorsException($"{Path}: tensor \"{name}\" has dtype {entry.DType}; supported are F32, F16 and BF16.");
    }

    /// <summary>The tensor of that name, checked against the shape that the config calls for.</summary>
    /// <exception cref="ModelWeightsException">It is missing or has another shape.</exception>
    /// <exception cref="SafetensorsException">Its dtype is none of F32, F16 and BF16.</exception>
    public TensorEntry Find(string name, params ReadOnlySpan<long> shape)
    {
        var entry = Find(name);
        if (!shape.SequenceEqual([.. entry.Shape]))
        {
            throw new ModelWeightsException(
                $"{Path}: tensor \"{name}\" has shape [{string.Join(", ", entry.Shape)}], but config.json calls for [{string.Join(", ", shape.ToArray())}].");
        }

        return entry;
    }

    /// <summary>The raw little-endian bytes of a tensor, valid until this file is disposed.</summary>
    /// <exception cref="SafetensorsException">The tensor is larger than one span can be; <see cref="Address"/> takes any size.</exception>
    public ReadOnlySpan<byte> Bytes(TensorEntry entry)
    {
        var start = At(entry);
        return entry.Length <= int.MaxValue
            ? new ReadOnlySpan<byte>(start, (int)entry.Length)
            : throw new SafetensorsException($"{Path}: tensor \"{entry.Name}\" has {entry.Length} bytes; more than {int.MaxValue} in one tensor is not supported.");
    }

    /// <summary>
    /// The first byte of a tensor in the mapping, for native code that reads it without a copy; valid until this file is disposed. Not aligned.
    /// </summary>
    public nint Address(TensorEntry entry) => (nint)At(entry);

    /// <summary>The values of a tensor as fp32, row-major.</summary>
    public float[] ReadFloats(string name)
    {
        var entry = Find(name);
        var values = new float[entry.Count];
        ReadFloats(entry, values);
        return values;
    }

    /// <summary>Writes the values of a tensor as fp32, row-major, into memory of exactly their number.</summary>
    public void ReadFloats(TensorEntry entry, Span<float> values)
    {
        var start = At(entry);
        if (values.Length != entry.Count)
        {
            throw new ArgumentException($"\"{entry.Name}\" has {entry.Count} values; there is room for {values.Length}.", nameof(values));
        }

        TensorTypes.Widen(entry.DType, start, values);
    }

    /// <summary>
    /// Says that a tensor will hardly be read again: its pages leave this process, and come back from the file when they are read. Nothing but on Linux.
    /// </summary>
    public void Release(TensorEntry entry)
    {
        var page = (nint)Environment.SystemPageSize;
        var first = ((nint)At(entry) + page - 1) / page * page;              // whole pages of its own
        var end = ((nint)At(entry) + (nint)entry.Length) / page * page;
        if (OperatingSystem.IsLinux() && end > first)
        {
            _ = Advise((void*)first, (nuint)(end - first), NotNeeded);
        }
    }

    public void Dispose()
    {
        if (_view.SafeMemoryMappedViewHandle.IsClosed)
        {
            return;
        }

        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _map.Dispose();
    }

    /// <summary>An entry of another file would reach outside the mapping.</summary>
    private byte* At(TensorEntry entry)
    {
        ObjectDisposedException.ThrowIf(_view.SafeMemoryMappedViewHandle.IsClosed, this);
        return Tensors.TryGetValue(entry.Name, out var own)
            && (own.Offset, own.Length, own.DType, own.Count) == (entry.Offset, entry.Length, entry.DType, entry.Count)
            ? _start + entry.Offset
            : throw new ArgumentException($"{Path}: \"{entry.Name}\" is not a tensor of this file.", nameof(entry));
    }

    private static SafetensorsFile Map(string path)
    {
        // The length of the file itself: of a symbolic link, as in caches of downloads, FileInfo gives that of the link.
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read);
        var length = RandomAccess.GetLength(file);
        if (length < LengthPrefix + 2)
        {
            throw new SafetensorsException($"{path}: {length} bytes are too few for a safetensors header.");
        }

        var map = MemoryMappedFile.CreateFromFile(file, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
        MemoryMappedViewAccessor? view = null;
        try
        {
            view = map.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
            var headerLength = view.ReadUInt64(0);
            if (headerLength > LargestHeader || LengthPrefix + (long)headerLength > length)
            {
                throw new SafetensorsException($"{path}: the header claims {headerLength} bytes of a file of {length}: it is truncated or not safetensors.");
            }

            var header = new byte[headerLength];
            view.ReadArray(LengthPrefix, header, 0, header.Length);
            var tensors = SafetensorsHeader.Read(path, header, LengthPrefix + (long)headerLength, length);
            return new SafetensorsFile(path, map, view, tensors);
        }
        catch
        {
            view?.Dispose();
            map.Dispose();
            throw;
        }
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Advise(void* address, nuint length, int advice);
}
