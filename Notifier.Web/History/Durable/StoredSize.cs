using System.Text;

namespace Notifier.History.Durable;

/// <summary>How much memory of Redis a durable message needs at most, roughly: with an empty payload, too. In bytes.</summary>
internal static class StoredSize
{
    private const int PerMessage = 200;
    private const int PerKey = 512;
    private const int PerChannel = 512;
    private const int PerIndex = 256;

    /// <summary>In each set of channels, with room for the sets to grow.</summary>
    private const int TimesChannel = 4;

    /// <summary>A message on a channel that Redis knows.</summary>
    public static long BesidesPayload(in PublishRequest request) =>
        PerMessage + (request.Key is { } key ? PerKey + key.Length + Encoding.UTF8.GetByteCount(request.Channel) : 0);

    /// <summary>What a new channel needs besides.</summary>
    public static long OfNewChannel(string channel)
    {
        var bytes = Encoding.UTF8.GetBytes(channel);
        var indexes = JournalChannels.PartsOf(bytes).Count;
        return PerChannel + (TimesChannel * bytes.Length) + (indexes * (PerIndex + (TimesChannel * bytes.Length)));
    }
}
