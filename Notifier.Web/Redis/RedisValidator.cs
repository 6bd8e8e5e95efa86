using System.Text;
using Microsoft.Extensions.Options;
using Notifier.Access;
using Notifier.Messages;

namespace Notifier.Redis;

/// <summary>Stops the process when the Redis options make no sense.</summary>
internal sealed class RedisValidator(NameRules rules, IConfiguration configuration) : IValidateOptions<RedisOptions>
{
    public ValidateOptionsResult Validate(string? name, RedisOptions options) => new OptionErrors()
        .Range("Redis:EmbeddedPort", options.EmbeddedPort, 1, ushort.MaxValue)
        .Range("Redis:Linger", options.Linger, TimeSpan.Zero, TimeSpan.FromDays(1))
        .Must(
            !BeginsLikeReserved(options.ChannelPrefix),
            $"Redis:ChannelPrefix is \"{options.ChannelPrefix}\"; with it a channel could begin with __ or notifier:, "
            + "and such channels never reach a browser.")
        .Names(configuration, "Redis:Covers", options.Covers, rules)
        .Must(
            Array.TrueForAll(options.Covers, cover => Name.Parse(cover).Kind == NameKind.Pattern),
            "Redis:Covers has a channel in it; a cover is a pattern such as user.*.")
        .ToResult();

    /// <summary>Whether it is reserved, or becomes so by what is put after it.</summary>
    private static bool BeginsLikeReserved(string prefix) => prefix.Length > 0
        && (NameRules.IsReserved(Encoding.UTF8.GetBytes(prefix))
            || "__".StartsWith(prefix, StringComparison.Ordinal)
            || "notifier:".StartsWith(prefix, StringComparison.Ordinal));
}
