namespace Notifier.Names;

/// <summary>
/// The bytes, in classes that none of some sets can tell apart: what holds for one byte of a class holds for all of it, so a
/// search needs to try only one.
/// </summary>
internal static class ByteClasses
{
    /// <summary>All bytes; the ones that people read and write most come first.</summary>
    private static readonly byte[] ByReadability = [.. Enumerable.Range(0, 256).Select(value => (byte)value).OrderBy(Unreadability)];

    /// <summary>One byte of each class, the most readable one.</summary>
    public static byte[] Representatives(IEnumerable<ByteSet> sets)
    {
        var classOf = new int[256];
        var count = 1;
        foreach (var set in sets.Distinct())
        {
            // Each class that the set cuts in two becomes two.
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

    /// <param name="set">Not an empty one.</param>
    public static byte MaxReadable(ByteSet set) => Array.Find(ByReadability, set.Contains);

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
