using StackExchange.Redis;

namespace Notifier.Redis;

internal static class MultiplexerExtensions
{
    /// <summary>
    /// Closes all connections at once, without a QUIT. With a QUIT the library fails (NullReferenceException, 3.4.35) if a connection is lost just then, and
    /// leaves the others open.
    /// </summary>
    public static async Task EndAsync(this ConnectionMultiplexer redis)
    {
        await redis.CloseAsync(allowCommandsToComplete: false);
        await redis.DisposeAsync();
    }
}
