namespace Notifier.Names;

/// <summary>
/// Divides the bytes into equivalence classes: each of the given sets contains all bytes of a class or none of them. So a search
/// needs to try only one byte per class.
/// </summary>
internal static class ByteClasses
{
    /// <summary>All bytes, the most readable ones first.</summary>
    private static readonly byte[] ByReadability = [.. Enumerable.Range(0, 256).Select(value => (byte)value).OrderBy(Unreadability)];

    /// <summary>The most readable byte of each class.</summary>
    public static byte[] Representatives(IEnumerable<ByteSet> sets)
    {
        var classOf = new int[256];
        var count = 1;
        foreach (var set in sets.Distinct())
        {
            // A class that is only partly in the set is split in two.
            var split = new Dictionary<int, int>();
            for (var value = 0; value < 256; value++)
            {
                if (!set.Contains((byte)value))
                    continue;
                if (!split.TryGetValue(classOf[value], out var inside))
                    split.Add(classOf[value], inside = count++);
                classOf[value] = inside;
            }
        }
        return [.. ByReadability.DistinctBy(value => classOf[value])];
    }

    /// <param name="set">Must not be empty.</param>
    public static byte MostReadable(ByteSet set) => Array.Find(ByReadability, set.Contains);

    private static int Unreadability(byte value) => value switch
    {
        >= (byte)'a' and <= (byte)'z' => 0,
        >= (byte)'0' and <= (byte)'9' => 1,
        >= (byte)'A' and <= (byte)'Z' => 2,
        > (byte)' ' and < 127 => 3,
        (byte)' ' => 4,
        > 127 => 5,
        _ => 6,
    };
}
