using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Unicode;

namespace Notifier.History.Durable;

/// <summary>
/// The MAC in the line of a durable message: HMAC-SHA1 over the line, the channel and the payload, with a key that only nodes and Redis know. A client
/// that can publish, even one that has seen all lines so far, cannot write another genuine line. Thread-safe.
/// </summary>
internal static class JournalMac
{
    /// <summary>In bytes: one block of SHA-1, so that the key needs no padding.</summary>
    public const int KeySize = 64;

    private const int MacSize = 20;
    private const byte Inner = 0x36;
    private const byte Outer = 0x5c;

    [ThreadStatic]
    private static IncrementalHash? hashOfThread;

    [ThreadStatic]
    private static byte[]? keyOfThread;

    /// <summary>The two blocks that HMAC (RFC 2104) makes of a key. Redis keeps these, because its Lua can hash but not exclusive-or.</summary>
    public static (byte[] Inner, byte[] Outer) BlocksOf(byte[] key) => (Xor(key, Inner), Xor(key, Outer));

    /// <summary>The key of which Redis keeps the inner block; empty if Redis keeps none.</summary>
    public static byte[] KeyFrom(byte[] innerBlock) => innerBlock.Length == KeySize ? Xor(innerBlock, Inner) : [];

    /// <summary>Whether Redis has written this line for this message. Allocates nothing.</summary>
    /// <param name="key">The key of the line's epoch; empty if unknown.</param>
    /// <param name="envelope">The line.</param>
    /// <param name="prefix">Precedes the channel in Redis.</param>
    /// <param name="channel">The channel.</param>
    /// <param name="payload">The payload without the line.</param>
    public static bool IsGenuine(byte[] key, in JournalEnvelope envelope, ReadOnlySpan<byte> prefix, ReadOnlySpan<byte> channel, ReadOnlySpan<byte> payload)
    {
        Span<byte> claimed = stackalloc byte[MacSize];
        if (key.Length == 0 || envelope.Mac.Length != 2 * claimed.Length
            || Convert.FromHexString(envelope.Mac, claimed, out _, out _) != OperationStatus.Done)
        {
            return false;
        }
        var hash = HashFor(key);
        hash.AppendData(envelope.Signed);
        // The length separates channel and payload.
        Span<byte> length = stackalloc byte[16];
        Utf8.TryWrite(length, CultureInfo.InvariantCulture, $"\n{prefix.Length + channel.Length} ", out var written);
        hash.AppendData(length[..written]);
        hash.AppendData(prefix);
        hash.AppendData(channel);
        hash.AppendData(payload);
        Span<byte> mac = stackalloc byte[MacSize];
        hash.GetHashAndReset(mac);
        return CryptographicOperations.FixedTimeEquals(mac, claimed);
    }

    /// <summary>One for each thread, because the names of a node share a key, and each name would need one otherwise.</summary>
    [SuppressMessage(
        "Security", "CA5350:Do Not Use Weak Cryptographic Algorithms",
        Justification = "Redis' Lua has no other hash. Collisions of SHA-1 do not help to forge an HMAC (RFC 6151 says so even of MD5).")]
    private static IncrementalHash HashFor(byte[] key)
    {
        if (hashOfThread is { } known && key.AsSpan().SequenceEqual(keyOfThread))
            return known;
        hashOfThread?.Dispose();
        keyOfThread = key;
        return hashOfThread = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA1, key);
    }

    private static byte[] Xor(byte[] block, byte with) => Array.ConvertAll(block, one => (byte)(one ^ with));
}
