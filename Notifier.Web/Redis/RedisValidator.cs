using System.Text;
using Microsoft.Extensions.Options;
using Notifier.Configuration;
using Notifier.Names;

namespace Notifier.Redis;

/// <summary>Stops the process when the Redis options are invalid.</summary>
internal sealed class RedisValidator(NameRules rules, IConfiguration configuration) : IValidateOptions<RedisOptions>
{
    public ValidateOptionsResult Validate(string? name, RedisOptions options)
    {
        var problem = ProblemOfConnection(options);
        var errors = new OptionErrors()
            .Must(problem is null, problem ?? "")
            .Range("Redis:EmbeddedPort", options.EmbeddedPort, 1, ushort.MaxValue)
            .Range("Redis:DeliveryThreads", options.DeliveryThreads, 0, 64)
            .Range("Redis:Linger", options.Linger, TimeSpan.Zero, TimeSpan.FromDays(1))
            .Must(
                !BeginsLikeReserved(options.ChannelPrefix),
                $"Redis:ChannelPrefix is \"{options.ChannelPrefix}\"; with it a channel could begin with __ or notifier:, "
                + "and such channels never reach a browser.")
            .Names(configuration, "Redis:Covers", options.Covers, rules);
        for (var i = 0; i < options.Covers.Length; i++)
        {
            errors.Must(
                Name.Parse(options.Covers[i] ?? "").Kind == NameKind.Pattern,
                $"Redis:Covers:{i} is \"{options.Covers[i]}\", a channel; a pattern such as user.* is allowed.");
        }
        return errors.ToResult();
    }

    private string? ProblemOfConnection(RedisOptions options)
    {
        try
        {
            RedisLocation.Configured(options, configuration);
            return null;
        }
        catch (StartupException error)
        {
            return error.Message;
        }
    }

    /// <summary>Whether the prefix is reserved, or a channel behind it can complete a reserved prefix.</summary>
    private static bool BeginsLikeReserved(string prefix) => prefix.Length > 0
        && (NameRules.IsReserved(Encoding.UTF8.GetBytes(prefix))
            || "__".StartsWith(prefix, StringComparison.Ordinal)
            || "notifier:".StartsWith(prefix, StringComparison.Ordinal));
}
