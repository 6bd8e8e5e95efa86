using Notifier.Names;

namespace Notifier.Redis;

/// <summary>The shell command that publishes a message on this node's Redis, for a person to try: with the host, the port, TLS and the prefix of channels.</summary>
internal static class RedisCommand
{
    /// <param name="location">The Redis. Its password is not part of the command: <c>redis-cli</c> asks for it.</param>
    /// <param name="names">Adds the prefix.</param>
    /// <param name="channel">The channel, as browsers know it.</param>
    /// <param name="payload">The payload, without quotes, backslashes, dollars and backticks.</param>
    /// <returns>Null behind Sentinels, because the primary changes.</returns>
    public static string? Publish(RedisLocation location, RedisNames names, string channel, string payload) => location.CliArguments is { } arguments
        ? $"redis-cli {arguments}publish {ForShell((string)names.ToRedis(Name.Channel(channel))!)} \"{payload}\""
        : null;

    private static string ForShell(string word) =>
        word.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_' or ':')
            ? word
            : $"'{word.Replace("'", @"'\''", StringComparison.Ordinal)}'";
}
