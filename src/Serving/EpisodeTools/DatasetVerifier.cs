using System.Text.Json;
using Serving.Episodes;

namespace Serving.EpisodeTools;

/// <summary>
/// Reads a whole dataset and reports everything that is wrong with it: the two JSON files, every frame, every record against features.json, the
/// counts. Goes on behind a fault wherever the next record can be found. Changes nothing.
/// </summary>
internal sealed class DatasetVerifier(RldsFolder folder)
{
    private readonly VerifyReport _report = new();
    private readonly RecordRules? _rules = folder.Features is { } features ? new RecordRules(features) : null;

    public VerifyReport Run()
    {
        CheckFiles();
        var bytes = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (var shard in folder.Shards)
        {
            var payload = CheckShard(shard);
            if (shard.Listed is not null)
            {
                bytes[shard.Split] = bytes.GetValueOrDefault(shard.Split) + payload;
            }
        }

        foreach (var split in folder.Info?.Splits ?? [])
        {
            var found = bytes.GetValueOrDefault(split.Name);
            if (split.PayloadBytes is { } told && told != found && _report.IsSound)
            {
                _report.Fault("dataset_info.json", $"split '{split.Name}': numBytes is {told}, but the payloads of its shards have {found} bytes");
            }
        }

        Gaps();
        return _report;
    }

    private void CheckFiles()
    {
        if (folder.FeaturesText is not { } features)
        {
            _report.Fault("features.json", "it is missing; records are checked by their frames only");
        }
        else if (folder.Features is not { } parsed)
        {
            _report.Fault("features.json", folder.FeaturesFault + "; records are checked by their frames only");
        }
        else
        {
            using var document = JsonDocument.Parse(features);
            FeatureRules.Check(document.RootElement, parsed, _report);
        }

        if (folder.InfoJson is not { } info)
        {
            Unfinished("dataset_info.json", "it is missing, so TFDS cannot open the folder; start the server or run 'episodes repair'");
        }
        else if (folder.Info is not { } understood)
        {
            _report.Fault("dataset_info.json", folder.InfoFault + "; records are not counted against it");
        }
        else
        {
            using var document = JsonDocument.Parse(info);
            InfoRules.Check(document.RootElement, understood, folder, _report);
        }
    }

    /// <summary>The payload bytes of its sound records.</summary>
    private long CheckShard(RldsShard shard)
    {
        if (!File.Exists(shard.Path))
        {
            if (shard.Listed > 0)
            {
                _report.Fault(shard.Name, $"the shard is missing; dataset_info.json lists {shard.Listed} records of it");
            }

            return 0;
        }

        _report.Shards++;
        if (shard.Listed is null && folder.InfoJson is not null)
        {
            _report.Note(shard.Name, "the shard is open: dataset_info.json does not list it, and TFDS does not see it");
        }

        var payloadBytes = 0L;
        var reader = FrameReader.Open(shard.Path);
        try
        {
            if (reader.Container.Length > 0)
            {
                _report.Fault(shard.Name, $"rule 9: the shard is compressed ({reader.Container}), and TFDS opens shards without decompression");
            }

            payloadBytes = Frames(ref reader, shard);
            if (shard.Listed is { } listed && listed != reader.Records)
            {
                _report.Fault(shard.Name, $"rule 8: {reader.Records} records are there, dataset_info.json lists {listed}");
            }
        }
        catch (InvalidDataException e)
        {
            _report.Fault($"{shard.Name}, record {reader.Records} at byte {reader.Offset}", $"the {reader.Container} container is damaged ({e.Message})");
        }
        finally
        {
            reader.Dispose();
        }

        return payloadBytes;
    }

    private long Frames(ref FrameReader reader, RldsShard shard)
    {
        var payloadBytes = 0L;
        var again = shard.Listed is null;
        while (true)
        {
            var place = $"{shard.Name}, record {reader.Records} at byte {reader.Offset}";
            var before = reader.Offset;
            var state = reader.Next(out var payload);
            switch (state)
            {
                case FrameState.Whole:
                    payloadBytes += payload.Length;
                    _report.Bytes += reader.Offset - before;
                    CheckRecord(payload, place);
                    continue;
                case FrameState.End:
                    return payloadBytes;
            }

            // A live shard may have been read while its writer was at it: what was half there is whole on a second look.
            if (again && reader.Container.Length == 0)
            {
                var (offset, records) = (reader.Offset, reader.Records);
                reader.Dispose();
                reader = FrameReader.Open(shard.Path, offset, records);
                again = false;
                continue;
            }

            var diagnosis = FrameDiagnosis.Of(reader, state);
            if (shard.Listed is null && state is FrameState.Uncommitted or FrameState.TruncatedHeader or FrameState.TruncatedPayload)
            {
                Unfinished(place, diagnosis.Fault + "; start the server or run 'episodes repair' to cut it off");
                return payloadBytes;
            }

            if (diagnosis.FrameBytes is not { } frame)
            {
                _report.Fault(place, $"{diagnosis.Fault}; the {reader.Rest(1 << 20)} bytes from there on cannot be read");
                return payloadBytes;
            }

            _report.Fault(place, diagnosis.Fault);
            payloadBytes += frame - TfRecord.FramingBytes;
            reader.Skip(frame);
        }
    }

    private void CheckRecord(ReadOnlyMemory<byte> payload, string place)
    {
        _report.Records++;
        try
        {
            var record = TfExample.Parse(payload);
            var faults = _report.Faults;
            _report.Steps += _rules?.Check(record, place, _report) ?? 0;
            if (folder.IsOurs && faults == _report.Faults)
            {
                // What the columns cannot say: that lengths, texts and scores of the candidates fit each other.
                EpisodeDecoder.Decode(payload);
            }
        }
        catch (InvalidDataException e)
        {
            _report.Fault(place, "rule 1: " + e.Message);
        }
    }

    /// <summary>What is no fault while a server is at it.</summary>
    private void Unfinished(string place, string what)
    {
        if (folder.IsBeingWritten())
        {
            _report.Note(place, "a server is writing here: not finished yet");
        }
        else
        {
            _report.Fault(place, what);
        }
    }

    private void Gaps()
    {
        foreach (var split in folder.Shards.Where(shard => shard.Listed is null).GroupBy(shard => shard.Split))
        {
            var next = folder.Shards.Count(shard => shard.Split == split.Key && shard.Listed is not null);
            foreach (var shard in split)
            {
                if (shard.Index > next)
                {
                    _report.Fault(shard.Name, $"shard {next} of split '{split.Key}' is missing before it");
                }

                next = shard.Index + 1;
            }
        }
    }
}
