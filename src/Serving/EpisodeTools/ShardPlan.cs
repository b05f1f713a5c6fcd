using Serving.Episodes;

namespace Serving.EpisodeTools;

/// <summary>What stays of a shard and what goes. Immutable.</summary>
/// <param name="Shard">The file.</param>
/// <param name="Records">Records that stay.</param>
/// <param name="PayloadBytes">Their bytes without frames.</param>
/// <param name="Cuts">What goes, ascending, without overlap.</param>
internal sealed record ShardPlan(RldsShard Shard, long Records, long PayloadBytes, IReadOnlyList<ShardCut> Cuts)
{
    /// <summary>Damaged records go, and what follows where no record can be found any more.</summary>
    /// <exception cref="EpisodeToolException">The shard is missing or compressed.</exception>
    public static ShardPlan Repair(RldsShard shard)
    {
        using var reader = Open(shard);
        var (records, payloadBytes, cuts) = (0L, 0L, new List<ShardCut>());
        while (true)
        {
            var state = reader.Next(out var payload);
            if (state is FrameState.Whole)
            {
                records++;
                payloadBytes += payload.Length;
                continue;
            }

            if (state is FrameState.End)
            {
                return new ShardPlan(shard, records, payloadBytes, cuts);
            }

            var diagnosis = FrameDiagnosis.Of(reader, state);
            cuts.Add(new ShardCut(reader.Offset, diagnosis.FrameBytes ?? reader.Rest(0), diagnosis.Fault));
            if (diagnosis.FrameBytes is not { } frame)
            {
                return new ShardPlan(shard, records, payloadBytes, cuts);
            }

            reader.Skip(frame);
        }
    }

    /// <summary>Records with one of these ids go; each is noted in <paramref name="found"/>.</summary>
    /// <exception cref="EpisodeToolException">The shard is missing, compressed or damaged.</exception>
    public static ShardPlan Delete(RldsShard shard, IReadOnlySet<string> ids, ISet<string> found)
    {
        using var reader = Open(shard);
        var (records, payloadBytes, cuts) = (0L, 0L, new List<ShardCut>());
        while (true)
        {
            var start = reader.Offset;
            var state = reader.Next(out var payload);
            if (state is FrameState.End)
            {
                return new ShardPlan(shard, records, payloadBytes, cuts);
            }

            if (state is not FrameState.Whole)
            {
                throw new EpisodeToolException(
                    $"'{shard.Path}', record {reader.Records} at byte {reader.Offset}: {FrameDiagnosis.Of(reader, state).Fault}. "
                    + "Nothing was deleted; run 'episodes repair' first.");
            }

            if (EpisodeIdentity.Of(payload) is { } id && ids.Contains(id))
            {
                found.Add(id);
                cuts.Add(new ShardCut(start, reader.Offset - start, id));
                continue;
            }

            records++;
            payloadBytes += payload.Length;
        }
    }

    /// <summary>Takes the cuts out: a shard is its old or its new self, whatever happens meanwhile.</summary>
    public void Apply()
    {
        if (Cuts.Count == 0)
        {
            return;
        }

        using var source = new FileStream(Shard.Path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
        NewFile.Write(Shard.Path, target =>
        {
            var at = 0L;
            foreach (var cut in Cuts)
            {
                Copy(source, target, at, cut.Offset - at);
                at = cut.Offset + cut.Length;
            }

            Copy(source, target, at, source.Length - at);
            return true;
        });
    }

    /// <summary>Keeps a copy of every cut beside the shards and says where.</summary>
    public IEnumerable<(ShardCut Cut, string Copy)> Salvage()
    {
        foreach (var cut in Cuts)
        {
            var path = Path.Combine(
                Path.GetDirectoryName(Shard.Path)!, FormattableString.Invariant($"salvaged-{Shard.Split}-{Shard.Index:D5}-from-{cut.Offset}"));
            for (var copy = 1; File.Exists(path); copy++)
            {
                path = FormattableString.Invariant($"{path.Split('~')[0]}~{copy}");
            }

            using var source = new FileStream(Shard.Path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
            NewFile.Write(path, target =>
            {
                Copy(source, target, cut.Offset, cut.Length);
                return true;
            });
            yield return (cut, path);
        }
    }

    private static FrameReader Open(RldsShard shard)
    {
        if (!File.Exists(shard.Path))
        {
            throw new EpisodeToolException($"'{shard.Path}' is missing. Put it back, or an empty file in its place to go on without it.");
        }

        var reader = FrameReader.Open(shard.Path);
        if (reader.Container.Length == 0)
        {
            return reader;
        }

        var container = reader.Container;
        reader.Dispose();
        throw new EpisodeToolException($"'{shard.Path}' is compressed ({container}) and is not changed here. Unpack it first.");
    }

    private static void Copy(FileStream source, FileStream target, long offset, long count)
    {
        var buffer = new byte[1 << 20];
        source.Position = offset;
        while (count > 0)
        {
            var read = source.Read(buffer, 0, (int)Math.Min(buffer.Length, count));
            if (read == 0)
            {
                throw new IOException($"'{source.Name}' became shorter while it was read. Try again.");
            }

            target.Write(buffer, 0, read);
            count -= read;
        }
    }
}
