using System.Diagnostics.CodeAnalysis;

namespace Notifier.Hub;

/// <summary>
/// A dictionary that has its first entries in an array: a million connections have one name each, and a <see cref="Dictionary{TKey, TValue}"/> with one entry
/// takes 300 bytes. Not thread-safe; a field, never copied.
/// </summary>
internal struct SmallDictionary<TKey, TValue> where TKey : notnull, IEquatable<TKey>
{
    /// <summary>A search of so few is as fast as a hash.</summary>
    private const int MaxInArray = 4;

    private KeyValuePair<TKey, TValue>[]? few;
    private Dictionary<TKey, TValue>? many;
    private int countOfFew;

    public readonly int Count => many?.Count ?? countOfFew;

    /// <summary>All entries, as a copy: the caller may remove some meanwhile.</summary>
    public readonly KeyValuePair<TKey, TValue>[] Snapshot() => many is not null ? [.. many] : few.AsSpan(0, countOfFew).ToArray();

    public readonly bool TryGetValue(TKey key, [MaybeNullWhen(false)] out TValue value)
    {
        if (many is not null)
            return many.TryGetValue(key, out value);
        var at = IndexOf(key);
        value = at < 0 ? default : few![at].Value;
        return at >= 0;
    }

    /// <exception cref="ArgumentException">The key exists.</exception>
    public void Add(TKey key, TValue value)
    {
        if (many is null && IndexOf(key) >= 0)
            throw new ArgumentException("The key exists.", nameof(key));
        if (many is null && countOfFew == MaxInArray)
            (many, few, countOfFew) = (new(few!), null, 0);
        if (many is not null)
        {
            many.Add(key, value);
            return;
        }
        if (few is null)
            few = new KeyValuePair<TKey, TValue>[1];
        else if (few.Length == countOfFew)
            Array.Resize(ref few, MaxInArray);
        few[countOfFew++] = new(key, value);
    }

    public bool Remove(TKey key, [MaybeNullWhen(false)] out TValue value)
    {
        if (many is not null)
            return many.Remove(key, out value);
        if (IndexOf(key) is >= 0 and var at)
        {
            value = few![at].Value;
            few[at] = few[--countOfFew];
            few[countOfFew] = default;
            return true;
        }
        value = default;
        return false;
    }

    public void Clear() => (few, many, countOfFew) = (null, null, 0);

    private readonly int IndexOf(TKey key)
    {
        for (var at = 0; at < countOfFew; at++)
        {
            if (few![at].Key.Equals(key))
                return at;
        }
        return -1;
    }
}
