using Microsoft.Extensions.Options;

namespace Notifier.Access;

/// <summary>Stops the process when what is opened is nothing that anybody could ask for, an allowed origin is none, or tokens cannot be checked.</summary>
internal sealed class AccessValidator(NameRules rules, IConfiguration configuration) : IValidateOptions<AccessOptions>
{
    public ValidateOptionsResult Validate(string? name, AccessOptions options)
    {
        var errors = new OptionErrors()
            .Names(configuration, "Access:Anonymous:Subscribe", options.Anonymous.Subscribe, rules)
            .Names(configuration, "Access:Anonymous:Publish", options.Anonymous.Publish, rules)
            .List(configuration, "Access:AllowedOrigins")
            .Tokens(configuration, options.Tokens, rules)
            .Keys(configuration, options.ApiKeys, rules)
            .Range("Access:OperatorPort", options.OperatorPort ?? 1, 1, ushort.MaxValue)
            .Callback(options.Callback)
            .Cookies(options);
        for (var i = 0; i < options.AllowedOrigins.Length; i++)
        {
            var entry = options.AllowedOrigins[i] ?? "";     // null in JSON
            errors.Must(AllowedOrigin.Parse(entry, out var error) is not null, $"Access:AllowedOrigins:{i} is \"{entry}\"; {error}.");
        }
        return errors.ToResult();
    }
}
