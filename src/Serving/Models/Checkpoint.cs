namespace Serving.Models;

/// <summary>
/// All weights of a folder: model.safetensors, or the shards that model.safetensors.index.json lists. Memory-mapped and checked when opened.
/// Reading is thread-safe; the mappings live until disposed, and nothing may be read after that. The formats: docs/formats.md.
/// </summary>
public sealed class Checkpoint : IDisposable
{
    private readonly IReadOnlyDictionary<string, SafetensorsFile> _shards;
    private readonly IReadOnlyDictionary<string, SafetensorsFile> _homes;        // the shard of each tensor

    private Checkpoint(string folder, IReadOnlyDictionary<string, SafetensorsFile> shards, IReadOnlyDictionary<string, SafetensorsFile> homes)
    {
        Folder = folder;
        Sharded = !shards.ContainsKey(ModelFiles.Weights);
        _shards = shards;
        _homes = homes;
    }

    public string Folder { get; }

    /// <summary>Names of the files that hold it, sorted: the index first, when there is one.</summary>
    public IReadOnlyList<string> Files => [.. Sharded ? [ModelFiles.WeightsIndex] : (string[])[], .. _shards.Keys.Order(StringComparer.Ordinal)];

    /// <summary>Names of all tensors, in no order.</summary>
    public IEnumerable<string> Names => _homes.Keys;

    private bool Sharded { get; }

    /// <summary>Whether a folder holds weights of this kind, sound or not.</summary>
    public static bool Exists(string folder) =>
        File.Exists(Path.Combine(folder, ModelFiles.Weights)) || File.Exists(Path.Combine(folder, ModelFiles.WeightsIndex));

    /// <summary>Opens model.safetensors; only a folder without one is asked for an index, as Hugging Face's own reader does.</summary>
    /// <exception cref="SafetensorsException">A file breaks the format, or there is none.</exception>
    /// <exception cref="CheckpointException">
    /// The index is damaged, leaves the folder or does not fit the shards; the message names the tensor or file.
    /// </exception>
    public static Checkpoint Open(string folder)
    {
        if (!File.Exists(Path.Combine(folder, ModelFiles.Weights)) && Exists(folder))
        {
            var index = CheckpointIndex.Read(folder);
            var shards = OpenAll(folder, index.Shards);
            try
            {
                return new Checkpoint(folder, shards, index.Place(shards));
            }
            catch
            {
                Close(shards);
                throw;
            }
        }

        var single = SafetensorsFile.Open(Path.Combine(folder, ModelFiles.Weights));
        return new Checkpoint(
            folder,
            new Dictionary<string, SafetensorsFile> { [ModelFiles.Weights] = single },
            single.Tensors.Keys.ToDictionary(name => name, _ => single, StringComparer.Ordinal));
    }

    public bool Has(string name) => _homes.ContainsKey(name);

    /// <exception cref="ModelWeightsException">There is no such tensor.</exception>
    /// <exception cref="SafetensorsException">Its dtype is none of F32, F16 and BF16.</exception>
    public TensorEntry Find(string name) => Home(name).Find(name);

    /// <summary>The tensor of that name, checked against the shape that the config calls for.</summary>
    /// <exception cref="ModelWeightsException">It is missing or has another shape; the message states both.</exception>
    /// <exception cref="SafetensorsException">Its dtype is none of F32, F16 and BF16.</exception>
    public TensorEntry Find(string name, params ReadOnlySpan<long> shape) => Home(name).Find(name, shape);

    /// <summary>The raw little-endian bytes of a tensor, valid until this checkpoint is disposed.</summary>
    /// <exception cref="SafetensorsException">The tensor is larger than one span can be; <see cref="Address"/> takes any size.</exception>
    public ReadOnlySpan<byte> Bytes(TensorEntry entry) => Home(entry.Name).Bytes(entry);

    /// <summary>
    /// The first byte of a tensor in the mapping, for native code that reads it without a copy; valid until this checkpoint is disposed. Not
    /// aligned.
    /// </summary>
    public nint Address(TensorEntry entry) => Home(entry.Name).Address(entry);

    /// <summary>Writes the values of a tensor as fp32, row-major, into memory of exactly their number. F16 and BF16 are widened exactly.</summary>
    public void ReadFloats(TensorEntry entry, Span<float> values) => Home(entry.Name).ReadFloats(entry, values);

    /// <summary>The rows of a matrix.</summary>
    public TensorRows Rows(TensorEntry entry) => new(entry, Address(entry));

    /// <summary>Says that a tensor will hardly be read again: its pages leave this process until they are. Readers need not care.</summary>
    public void Release(TensorEntry entry) => Home(entry.Name).Release(entry);

    public void Dispose() => Close(_shards);

    private SafetensorsFile Home(string name)
    {
        if (_homes.TryGetValue(name, out var home))
        {
            return home;
        }

        var file = Sharded ? ModelFiles.WeightsIndex : ModelFiles.Weights;
        throw new ModelWeightsException($"{Path.Combine(Folder, file)}: tensor \"{name}\" is missing.");
    }

    private static Dictionary<string, SafetensorsFile> OpenAll(string folder, IEnumerable<string> names)
    {
        var shards = new Dictionary<string, SafetensorsFile>(StringComparer.Ordinal);
        try
        {
            foreach (var name in names)
            {
                shards.Add(name, SafetensorsFile.Open(Path.Combine(folder, name)));
            }

            return shards;
        }
        catch
        {
            Close(shards);
            throw;
        }
    }

    private static void Close(IReadOnlyDictionary<string, SafetensorsFile> shards)
    {
        foreach (var shard in shards.Values)
        {
            shard.Dispose();
        }
    }
}
