using System.Text;
using Microsoft.Extensions.Options;
using Notifier.Access;

namespace Notifier.Redis;

/// <summary>Stops the process when the Redis options make no sense.</summary>
internal sealed class RedisValidator : IValidateOptions<RedisOptions>
{
    public ValidateOptionsResult Validate(string? name, RedisOptions options) => new OptionErrors()
        .Range("Redis:EmbeddedPort", options.EmbeddedPort, 1, ushort.MaxValue)
        .Range("Redis:Linger", options.Linger, TimeSpan.Zero, TimeSpan.FromDays(1))
        .Must(
            !NameRules.IsReserved(Encoding.UTF8.GetBytes(options.ChannelPrefix)),
            $"Redis:ChannelPrefix is \"{options.ChannelPrefix}\"; it may not begin with __ or notifier:, for such channels never reach a browser.")
        .ToResult();
}
